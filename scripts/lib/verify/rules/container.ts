import { formatBytes } from '../../terminal/report.ts';
import {
  asked,
  type Check,
  eachContainer,
  eachInside,
  type Finding,
  fail,
  none,
  ok,
  perService,
  serviceOf,
  warn,
} from '../check.ts';
import {
  CAPABILITY_SETS,
  type CapabilitySet,
  type ContainerFacts,
  type Facts,
  type InsideFacts,
} from '../facts.ts';

const UP = 'bring the stack back to what deploy/docker-compose.prod.yml says: make prod-up';
const UIDS: Readonly<Record<string, number>> = { backend: 1000, frontend: 101, postgres: 999 };
const ENGINE_SOCKET = /(docker|containerd|podman|crio?)\.sock$/;
const HOST_FOLDER = /^\/(|boot|dev|etc|lib|lib64|proc|root|run|sys|usr|var|var\/run|var\/lib\/docker)\/?$/;
/** What runs on the engine's own account. */
const HOST_NAMESPACES = [
  { kind: 'pid', mode: 'pidMode', item: '5.16', what: 'processes' },
  { kind: 'net', mode: 'networkMode', item: '5.10', what: 'network' },
  { kind: 'ipc', mode: 'ipcMode', item: '5.17', what: 'shared memory' },
  { kind: 'uts', mode: 'utsMode', item: '5.21', what: 'own name' },
  { kind: 'cgroup', mode: 'cgroupMode', item: '5.25', what: 'tree of cgroups' },
] as const;

const users: Check[] = [
  {
    id: 'user',
    family: 'container',
    title: 'Every process runs under its service’s own uid, none as root',
    source: 'CIS Docker 1.6.0, 4.1',
    fix: `the images name their USER; no "user:" in an override. ${UP}`,
    judge: (facts) =>
      eachInside(facts, perService(facts, listUids), (inside, { service }) => {
        const wrong = inside.processes.filter(({ uids }) =>
          uids.some((uid) => uid === 0 || (UIDS[service] !== undefined && uid !== UIDS[service])),
        );
        return wrong.length > 0
          ? wrong.map((one) => `${one.name} runs as ${one.uids[1]}`).join(', ')
          : undefined;
      }),
  },
];

function listUids({ inside }: ContainerFacts): string {
  return [...new Set(inside?.processes.flatMap(({ uids }) => uids))].join('/');
}

const CAPABILITY_TITLES: Readonly<Record<CapabilitySet, string>> = {
  effective: 'No process has a capability in force',
  permitted: 'No process may put a capability in force',
  inheritable: 'No process hands a capability on to programs that it starts',
  bounding: 'No program started in a container can gain a capability',
  ambient: 'No process keeps capabilities across the start of a program',
};

const capabilities = CAPABILITY_SETS.map(
  (set): Check => ({
    id: `capabilities-${set}`,
    family: 'container',
    title: CAPABILITY_TITLES[set],
    source: 'CIS Docker 1.6.0, 5.4; OWASP Docker rule 3',
    fix: `"cap_drop: [ALL]" and no "cap_add:". ${UP}`,
    judge: (facts) =>
      eachInside(facts, `${set} set 0 in every process`, (inside) => {
        const holder = inside.processes.find((one) => /[^0]/.test(one.capabilities[set]));
        return holder && `${holder.name} has ${holder.capabilities[set].replace(/^0+/, '0x')}`;
      }),
  }),
);

const confinement: Check[] = [
  {
    id: 'no-new-privileges',
    family: 'container',
    title: 'No process can gain privileges by a set-uid program',
    source: 'CIS Docker 1.6.0, 5.26; OWASP Docker rule 4',
    fix: `security_opt: ["no-new-privileges:true"]. ${UP}`,
    judge: (facts) =>
      eachInside(facts, 'NoNewPrivs 1 in every process', (inside) => {
        const free = inside.processes.find(({ noNewPrivileges }) => !noNewPrivileges);
        return free && `${free.name} has NoNewPrivs 0`;
      }),
  },
  {
    id: 'seccomp',
    family: 'container',
    title: 'The kernel filters the system calls of every process',
    source: 'CIS Docker 1.6.0, 5.22; OWASP Docker rule 6',
    fix: `no "seccomp:unconfined", and an engine with seccomp (docker info). ${UP}`,
    judge(facts) {
      if (!facts.host.security.includes('seccomp')) return warn('this engine offers no seccomp');
      return eachInside(facts, 'Seccomp 2 (filter) in every process', (inside) => {
        const free = inside.processes.find(({ seccomp }) => seccomp !== 2);
        return free && `${free.name} has Seccomp ${free.seccomp}`;
      });
    },
  },
  {
    id: 'mandatory-access-control',
    family: 'container',
    title: 'AppArmor or SELinux confines every container where the host offers it',
    source: 'CIS Docker 1.6.0, 5.2 and 5.3; OWASP Docker rule 6',
    fix: 'no "apparmor:unconfined" or "label:disable"; docs/deployment/security-hardening.md tells which hosts offer what',
    judge(facts) {
      const offered = ['apparmor', 'selinux'].filter((name) => facts.host.security.includes(name));
      const off = eachContainer(facts, '', ({ securityOptions }) =>
        securityOptions.find((option) => /^apparmor[:=]unconfined|^label[:=]disable/.test(option)),
      );
      if (off.status === 'fail') return off;
      if (offered.length === 0) return warn('this host’s engine offers neither AppArmor nor SELinux');
      return eachInside(facts, `${offered.join(' and ')}: every container is confined`, ({ label }) =>
        label === '' || /unconfined/.test(label) ? `label "${label}"` : undefined,
      );
    },
  },
  {
    id: 'privileged',
    family: 'container',
    title: 'No container is privileged',
    source: 'CIS Docker 1.6.0, 5.5',
    fix: `no "privileged:". ${UP}`,
    judge: (facts) =>
      eachContainer(facts, 'Privileged false in all', ({ privileged }) =>
        privileged ? 'privileged' : undefined,
      ),
  },
];

const files: Check[] = [
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

const isolation: Check[] = [
  ...HOST_NAMESPACES.map(
    ({ kind, mode, item, what }): Check => ({
      id: `host-namespace-${kind}`,
      family: 'container',
      title: `No container shares the host’s ${what}`,
      source: `CIS Docker 1.6.0, ${item}`,
      fix: `no "host" for ${kind === 'net' ? 'network_mode' : kind}. ${UP}`,
      judge: (facts) =>
        eachContainer(facts, `each has a namespace of its own (${kind})`, (container) => {
          const own = facts.host.namespaces[kind];
          const shared = container[mode] === 'host' || (own && container.inside?.namespaces[kind] === own);
          return shared ? `shares the host’s ${what}` : undefined;
        }),
    }),
  ),
  {
    id: 'host-namespace-user',
    family: 'container',
    title: 'No container is taken out of the engine’s user namespace',
    source: 'CIS Docker 1.6.0, 5.31',
    fix: `no "userns_mode: host". ${UP}`,
    judge(facts) {
      const { security } = facts.host;
      const kind = security.includes('rootless')
        ? 'the engine is rootless: root in a container is an ordinary user outside'
        : security.includes('userns')
          ? 'userns-remap is on: root in a container is an unprivileged uid outside'
          : 'the engine runs as root without userns-remap, and no process here is root';
      return eachContainer(facts, kind, ({ usernsMode }) =>
        usernsMode === 'host' ? 'userns_mode is host' : undefined,
      );
    },
  },
  {
    id: 'devices',
    family: 'container',
    title: 'No device of the host is handed to a container',
    source: 'CIS Docker 1.6.0, 5.18',
    fix: `no "devices:", "gpus:" or "device_cgroup_rules:". ${UP}`,
    judge: (facts) => eachContainer(facts, 'none', ({ devices }) => devices.join(', ') || undefined),
  },
];

const limits: Check[] = [
  {
    id: 'limit-memory',
    family: 'container',
    title: 'The kernel limits the memory of each container',
    source: 'CIS Docker 1.6.0, 5.11; OWASP Docker rule 7',
    fix: `deploy.resources.limits.memory. ${UP}`,
    judge: (facts) => eachLimit(facts, 'memory', (inside) => formatBytes(inside.memory ?? 0)),
  },
  {
    id: 'limit-cpu',
    family: 'container',
    title: 'The kernel limits the CPU time of each container',
    source: 'CIS Docker 1.6.0, 5.12; OWASP Docker rule 7',
    fix: `deploy.resources.limits.cpus. ${UP}`,
    judge: (facts) => eachLimit(facts, 'cpus', (inside) => `${inside.cpus} CPU`),
  },
  {
    id: 'limit-processes',
    family: 'container',
    title: 'The kernel limits the number of processes of each container',
    source: 'CIS Docker 1.6.0, 5.29; OWASP Docker rule 7',
    fix: `deploy.resources.limits.pids. ${UP}`,
    judge: (facts) => eachLimit(facts, 'pids', (inside) => String(inside.pids)),
  },
  {
    id: 'limit-open-files',
    family: 'container',
    title: 'Each process may open enough files, and not endlessly many',
    source: 'CIS Docker 1.6.0, 5.19',
    fix: `ulimits.nofile between 16384 and 1048576. ${UP}`,
    judge: (facts) =>
      eachInside(
        facts,
        perService(facts, ({ inside }) => String(inside?.openFiles)),
        ({ openFiles }) => {
          if (openFiles === null || openFiles > 1_048_576) return `${openFiles ?? 'endless'} open files`;
          return openFiles < 16_384 ? `${openFiles} open files are too few for nginx` : undefined;
        },
      ),
  },
  {
    id: 'limit-core-dump',
    family: 'container',
    title: 'A crash writes no core dump, which would hold secrets',
    source: 'CIS Docker 1.6.0, 5.19; OWASP Secrets Management',
    fix: `ulimits.core: 0. ${UP}`,
    judge: (facts) =>
      eachInside(facts, 'core size 0 in each', ({ coreBytes }) =>
        coreBytes === 0 ? undefined : `core size ${coreBytes ?? 'unlimited'}`,
      ),
  },
];

/** A limit that the compose file sets, as the kernel has it. */
function eachLimit(
  facts: Facts,
  limit: 'memory' | 'cpus' | 'pids',
  say: (inside: InsideFacts) => string,
): Finding {
  const { cgroupDriver, cgroupVersion } = facts.host;
  if (cgroupDriver === 'none') {
    return fail(
      `this engine is rootless and can set no limits: they need cgroup v2 (here v${cgroupVersion}) delegated by ` +
        'systemd, docs/deployment/security-hardening.md',
    );
  }
  return eachInside(
    facts,
    perService(facts, ({ inside }) => (inside ? say(inside) : 'not running')),
    (inside) => (inside[limit] === null ? 'no limit' : undefined),
  );
}

const running: Check[] = [
  {
    id: 'restart-policy',
    family: 'container',
    title: 'Each container comes back after a crash and after a reboot',
    source: 'This project’s own promise: it comes back by itself',
    fix: `restart: unless-stopped. ${UP}`,
    judge: (facts) =>
      eachContainer(facts, 'unless-stopped in each', ({ restart }) =>
        restart === 'unless-stopped' ? undefined : `restart is ${restart || 'no'}`,
      ),
  },
  {
    id: 'health-check',
    family: 'container',
    title: 'Each container has a health check',
    source: 'CIS Docker 1.6.0, 5.27',
    fix: `healthcheck: in compose. ${UP}`,
    judge: (facts) =>
      eachContainer(facts, 'all have one', ({ hasHealthCheck }) => (hasHealthCheck ? undefined : 'has none')),
  },
  {
    id: 'health',
    family: 'container',
    title: 'All services are there, and each health check passes',
    source: 'This project’s own promise: all services are healthy',
    fix: 'see why: make prod-health, make prod-logs',
    judge(facts) {
      const absent = Object.keys(UIDS).filter((service) => !serviceOf(facts, service));
      if (absent.length > 0) return fail(`${absent.join(', ')}: no container`);
      return eachContainer(facts, 'all healthy', ({ state, health, hasHealthCheck }) => {
        if (state !== 'running') return state;
        return hasHealthCheck && health !== 'healthy' ? health : undefined;
      });
    },
  },
  {
    id: 'init',
    family: 'container',
    title: 'Node runs under an init that passes signals on',
    source: 'This project’s own promise: a stop finishes what was begun',
    fix: `init: true. ${UP}`,
    judge: (facts) =>
      asked(facts, 'backend', serviceOf(facts, 'backend')?.inside, ({ processes }) => {
        const text = `process 1 of the backend is ${processes[0]?.name}`;
        return /^(docker-init|tini)$/.test(processes[0]?.name ?? '') ? ok(text) : fail(text);
      }),
  },
  {
    id: 'zombies',
    family: 'container',
    title: 'No dead process is left unreaped',
    source: 'CIS Docker 1.6.0, 5.29',
    fix: 'make prod-restart',
    judge: (facts) =>
      eachInside(facts, 'none', ({ processes }) => {
        const dead = processes.filter(({ state }) => state === 'Z');
        return dead.length > 0 ? dead.map(({ name, pid }) => `${name} (${pid})`).join(', ') : undefined;
      }),
  },
  {
    id: 'log-driver',
    family: 'container',
    title: 'Logs go to a driver that docker logs can read',
    source: 'This project’s own promise: logs are bounded and at hand',
    fix: `logging.driver: json-file. ${UP}`,
    judge: (facts) =>
      eachContainer(
        facts,
        perService(facts, ({ logDriver }) => logDriver),
        ({ logDriver }) => (/^(json-file|local)$/.test(logDriver) ? undefined : `driver ${logDriver}`),
      ),
  },
  {
    id: 'log-rotation',
    family: 'container',
    title: 'Logs are rotated before they fill the disk',
    source: 'This project’s own promise: logs are bounded and at hand',
    fix: `logging.options max-size: 50m, max-file: "5". ${UP}`,
    judge: (facts) =>
      eachContainer(facts, '5 files of 50 MB each', ({ logOptions }) => {
        const { 'max-size': size, 'max-file': count } = logOptions;
        return size === '50m' && count === '5'
          ? undefined
          : `max-size ${size ?? 'none'}, max-file ${count ?? 'none'}`;
      }),
  },
];

export const containerChecks: readonly Check[] = [
  ...users,
  ...capabilities,
  ...confinement,
  ...files,
  ...isolation,
  ...limits,
  ...running,
];
