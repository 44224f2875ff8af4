import { asked, type Check, eachContainer, eachInside, none, perService, serviceOf } from '../../check.ts';
import type { ContainerFacts, Facts } from '../../facts.ts';
import { UP } from '../fixes.ts';

const ENGINE_SOCKET = /(docker|containerd|podman|crio?)\.sock$/;
const HOST_FOLDER = /^\/(|boot|dev|etc|lib|lib64|proc|root|run|sys|usr|var|var\/run|var\/lib\/docker)\/?$/;

/** What is mounted in a container, and what can be written or run there. */
export const fileChecks: readonly Check[] = [
  {
    id: 'read-only-root',
    family: 'container',
    title: 'The root file system refuses to be written',
    source: 'CIS Docker 1.6.0, 5.13; OWASP Docker rule 8',
    fix: `read_only: true. ${UP}`,
    judge: (facts) =>
      eachInside(facts, 'a write to / was answered: read-only file system', (inside, { readOnlyRoot }) => {
        if (!readOnlyRoot) return 'the root is writable';
        return /read-only file system|EROFS/i.test(inside.rootWrite)
          ? undefined
          : `a write to / was answered: ${inside.rootWrite || 'done'}`;
      }),
  },
  {
    id: 'tmpfs-flags',
    family: 'container',
    title: 'Nothing on a tmpfs can be executed, act set-uid or be a device',
    source: 'OWASP Docker rule 8',
    fix: `tmpfs with noexec,nosuid,nodev. ${UP}`,
    judge: (facts) =>
      eachInside(facts, perService(facts, listTmpfs), ({ tmpfs }) => {
        const open = tmpfs.find(
          ({ options }) => !['noexec', 'nosuid', 'nodev'].every((flag) => options.includes(flag)),
        );
        return open && `${open.path} is mounted ${open.options.join(',')}`;
      }),
  },
  {
    id: 'tmpfs-size',
    family: 'container',
    title: 'Every tmpfs has a size, so that it cannot fill the memory',
    source: 'CIS Docker 1.6.0, 5.11 (memory)',
    fix: `tmpfs with size=. ${UP}`,
    judge: (facts) =>
      eachInside(facts, 'all have one', ({ tmpfs }) => {
        const endless = tmpfs.find(({ options }) => !options.some((option) => option.startsWith('size=')));
        return endless && `${endless.path} has no size`;
      }),
  },
  {
    id: 'engine-socket',
    family: 'container',
    title: 'No container can reach the engine’s socket',
    source: 'CIS Docker 1.6.0, 5.32; OWASP Docker rule 1',
    fix: `whoever has it is root on the host: take the mount out. ${UP}`,
    judge: (facts) =>
      eachMount(
        facts,
        'none is mounted',
        ({ source, target }) => ENGINE_SOCKET.test(source) || ENGINE_SOCKET.test(target),
      ),
  },
  {
    id: 'host-folders',
    family: 'container',
    title: 'No folder of the host’s system is mounted',
    source: 'CIS Docker 1.6.0, 5.6',
    fix: `take the mount out. ${UP}`,
    judge: (facts) =>
      eachMount(facts, 'none is mounted', ({ type, source }) => type === 'bind' && HOST_FOLDER.test(source)),
  },
  {
    id: 'writable-mounts',
    family: 'container',
    title: 'What comes from the host is mounted read-only',
    source: 'OWASP Docker rule 8; CIS Docker 1.6.0, 5.6',
    fix: `mount it with :ro, or use a volume. ${UP}`,
    judge: (facts) =>
      eachMount(facts, 'no bind mount is writable', ({ type, writable }) => type === 'bind' && writable),
  },
  {
    id: 'mount-propagation',
    family: 'container',
    title: 'No mount made in a container appears on the host',
    source: 'CIS Docker 1.6.0, 5.20',
    fix: `no "propagation: shared". ${UP}`,
    judge: (facts) =>
      eachMount(facts, 'no mount is shared', ({ propagation }) => /^r?shared$/.test(propagation)),
  },
  {
    id: 'shell',
    family: 'container',
    title: 'The API’s image has no shell and no package manager',
    source: 'CIS Docker 1.6.0, 4.3 (no unnecessary packages)',
    fix: 'deploy/backend.Dockerfile ends FROM scratch; deploy it anew: make prod-update',
    judge: (facts) =>
      asked(facts, 'backend', serviceOf(facts, 'backend')?.inside, ({ tools }) => {
        const others = facts.containers.filter(({ inside }) => inside && inside.tools.length > 0);
        const named = others.map(({ service, name }) => service || name).join(', ');
        return none(tools, `the backend has none; these have, as documented: ${named || 'none'}`);
      }),
  },
];

function listTmpfs({ inside }: ContainerFacts): string {
  return inside?.tmpfs.map(({ path }) => path).join('+') || 'none';
}

function eachMount(
  facts: Facts,
  otherwise: string,
  isWrong: (mount: ContainerFacts['mounts'][number]) => boolean,
) {
  return eachContainer(facts, otherwise, ({ mounts }) => {
    const wrong = mounts.filter(isWrong);
    return wrong.length > 0
      ? wrong.map(({ source, target }) => `${source} at ${target}`).join(', ')
      : undefined;
  });
}
