import { findNameConflicts } from '../../../stack/network-rules.ts';
import { PROXIED_SERVICES, SERVICES } from '../../../stack/stack.ts';
import { type Check, eachContainer, none } from '../../check.ts';
import type { Facts } from '../../facts.ts';
import { UP } from '../fixes.ts';

/** Names and addresses, so that apps on one host do not meet. */
export const nameChecks: readonly Check[] = [
  {
    id: 'alias-conflicts',
    family: 'network',
    title: 'Nobody else on the shared network answers to a name of ours',
    source: 'This project’s own promise: apps on one host do not meet',
    fix: 'rename its service or alias; who answers to what: make npm-network-check',
    judge(facts) {
      const members = facts.networks.find(({ name }) => name === facts.stack.network)?.members ?? [];
      // A service's key is the same in every stack of this kit, and nobody forwards to it.
      const taking = listOwnNames(facts).filter((name) => !SERVICES.some((service) => service === name));
      return none(
        findNameConflicts(members, taking, facts.stack.prefix).map(
          ({ name, container }) => `${container} answers to ${name}`,
        ),
        `${taking.join(', ')}: ours alone`,
      );
    },
  },
  {
    id: 'alias-names',
    family: 'network',
    title: 'On the shared network we answer to names with the app’s own prefix alone',
    source: 'This project’s own promise: apps on one host do not meet',
    fix: `service keys and aliases carry the app’s name. ${UP}`,
    judge(facts) {
      const plain = listOwnNames(facts).filter(
        (name) => !name.startsWith('kidney-genetics-') && !name.startsWith(`${facts.stack.prefix}-`),
      );
      return none(
        plain.map((name) => `answers to ${name}`),
        PROXIED_SERVICES.join(', '),
      );
    },
  },
  {
    id: 'fixed-addresses',
    family: 'network',
    title: 'No address is fixed, and no name is bound to one',
    source: 'This project’s own promise: apps on one host do not meet',
    fix: `no "ipv4_address:", "mac_address:" or "extra_hosts:". ${UP}`,
    judge: (facts) =>
      eachContainer(facts, 'none', ({ networks, extraHosts }) => {
        const fixed = networks.filter((one) => one.fixed).map(({ name, address }) => `${address} on ${name}`);
        return [...fixed, ...extraHosts].join(', ') || undefined;
      }),
  },
  {
    id: 'default-bridge',
    family: 'network',
    title: 'No container is on the engine’s default bridge',
    source: 'CIS Docker 1.6.0, 5.30',
    fix: `disconnect it: docker network disconnect bridge CONTAINER`,
    judge: (facts) =>
      eachContainer(facts, 'none', ({ networks }) =>
        networks.some(({ name }) => name === 'bridge') ? 'on it' : undefined,
      ),
  },
  {
    id: 'names-containers',
    family: 'network',
    title: 'Every container’s name has the prefix',
    source: 'This project’s own promise: apps on one host do not meet',
    fix: `container_name: with the prefix. ${UP}`,
    judge: (facts) =>
      eachContainer(facts, facts.containers.map(({ name }) => name).join(', '), ({ name }) =>
        name.startsWith(`${facts.stack.prefix}-`) ? undefined : 'is named otherwise',
      ),
  },
  {
    id: 'names-networks',
    family: 'network',
    title: 'Every network but the shared one has the prefix',
    source: 'This project’s own promise: apps on one host do not meet',
    fix: `name: with the prefix, for each network. ${UP}`,
    judge(facts) {
      const all = [...new Set(facts.containers.flatMap(({ networks }) => networks.map(({ name }) => name)))];
      const odd = all.filter(
        (name) =>
          name !== facts.stack.network && name !== 'bridge' && !name.startsWith(`${facts.stack.prefix}-`),
      );
      return none(
        odd.map((name) => `${name} has not`),
        all.join(', '),
      );
    },
  },
  {
    id: 'names-volumes',
    family: 'network',
    title: 'Every volume has the prefix',
    source: 'This project’s own promise: apps on one host do not meet',
    fix: `name: with the prefix, for each volume. ${UP}`,
    judge: (facts) =>
      none(
        facts.volumes
          .filter((name) => !name.startsWith(`${facts.stack.prefix}-`))
          .map((name) => `${name} has not`),
        facts.volumes.join(', '),
      ),
  },
];

/** The names that this stack's containers answer to on the shared network, without their ids. */
function listOwnNames(facts: Facts): string[] {
  const shared = facts.containers.flatMap(({ networks }) =>
    networks.filter(({ name }) => name === facts.stack.network).flatMap((one) => one.names),
  );
  return [...new Set(shared)];
}
