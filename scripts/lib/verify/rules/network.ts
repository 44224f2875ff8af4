import { findNameConflicts } from '../../stack/network-rules.ts';
import { PROXIED_SERVICES, SERVICES } from '../../stack/stack.ts';
import {
  asked,
  type Check,
  eachContainer,
  eachInside,
  type Finding,
  fail,
  none,
  ok,
  serviceOf,
} from '../check.ts';
import type { Facts, Tries } from '../facts.ts';

const UP = 'bring the stack back to what deploy/docker-compose.prod.yml says: make prod-up';
const TEST_DATABASE = 'test mode publishes the database’s port, for which it joins a bridge with a way out';

/** What each service listens on, to every address. */
const PORTS: Readonly<Record<string, readonly number[]>> = {
  backend: [8000],
  frontend: [80],
  postgres: [5432],
};
const METRICS_PORT = 9464;

const isLoopback = (address: string) => /^(127\.|\[?::1)/.test(address);
const portOf = (address: string) => Number(address.slice(address.lastIndexOf(':') + 1));

/** Outcomes of a connection that did not come through. */
const CLOSED =
  /^(no answer|somebody else answers|ECONNREFUSED|ENETUNREACH|EHOSTUNREACH|ENOTFOUND|EAI_AGAIN|ETIMEDOUT)$/;

/** Holds when no try came through; one that could not be made does not count as closed. */
function noneOpen(facts: Facts, service: string, tries: Tries | null): Finding {
  return asked(facts, service, tries, (made) =>
    none(
      Object.entries(made)
        .filter(([, outcome]) => !CLOSED.test(outcome))
        .map(([target, outcome]) => `${target}: ${outcome}`),
      describeTries(made),
    ),
  );
}

function describeTries(tries: Tries): string {
  return Object.entries(tries)
    .map(([target, outcome]) => `${target}: ${outcome}`)
    .join(', ');
}

const ports: Check[] = [
  {
    id: 'published-ports',
    family: 'network',
    title: 'No port is published on the host',
    source: 'CIS Docker 1.6.0, 5.9',
    fix: `no "ports:" in production. ${UP}`,
    notInTestMode: 'test mode is there for its ports',
    judge: (facts) => eachContainer(facts, 'none', (container) => container.ports.join(', ') || undefined),
  },
  {
    id: 'published-addresses',
    family: 'network',
    title: 'What is published is published on 127.0.0.1 alone',
    source: 'CIS Docker 1.6.0, 5.14',
    fix: 'leave TEST_BIND out, or take test mode down when you are done: make prod-test-down',
    judge: (facts) =>
      eachContainer(
        facts,
        facts.stack.mode === 'test' ? '127.0.0.1 alone' : 'nothing is published',
        (container) =>
          container.ports.filter((port) => !/^(127\.0\.0\.1|\[?::1\]?):/.test(port)).join(', ') || undefined,
      ),
  },
  {
    id: 'listening-ports',
    family: 'network',
    title: 'Each service listens on its own port and on no other that a network could reach',
    source: 'CIS Docker 1.6.0, 5.9',
    fix: `see what opened it: make prod-logs. ${UP}`,
    judge: (facts) =>
      eachInside(
        facts,
        'frontend 80, backend 8000 (and metrics, inside), postgres 5432',
        ({ listeners }, container) => {
          const expected = PORTS[container.service] ?? [];
          const odd = listeners.filter(
            (address) =>
              !isLoopback(address) &&
              !expected.includes(portOf(address)) &&
              !isMetrics(address, container.service),
          );
          return odd.join(', ') || undefined;
        },
      ),
  },
];

function isMetrics(address: string, service: string): boolean {
  return service === 'backend' && portOf(address) === METRICS_PORT;
}

const database: Check[] = [
  {
    id: 'database-network',
    family: 'network',
    title: 'The database is on the internal network alone',
    source: 'OWASP Docker rule 5; CIS Docker 1.6.0, 5.9',
    fix: `networks: [kidney-genetics-internal]. ${UP}`,
    notInTestMode: TEST_DATABASE,
    judge(facts) {
      const names = serviceOf(facts, 'postgres')?.networks.map(({ name }) => name) ?? [];
      const internal = `${facts.stack.prefix}-internal`;
      return names.length === 1 && names[0] === internal
        ? ok(internal)
        : fail(names.join(', ') || 'on no network');
    },
  },
  {
    id: 'internal-network',
    family: 'network',
    title: 'The internal network has no route out',
    source: 'OWASP Docker rule 5',
    fix: 'the network was made another way: make prod-down prod-up',
    judge(facts) {
      const network = facts.networks.find(({ name }) => name === `${facts.stack.prefix}-internal`);
      if (!network) return fail(`${facts.stack.prefix}-internal is not there`);
      return network.internal ? ok(`${network.name} is internal`) : fail(`${network.name} is not internal`);
    },
  },
  {
    id: 'internal-members',
    family: 'network',
    title: 'Nobody but backend and database is on the internal network',
    source: 'OWASP Docker rule 5',
    fix: 'disconnect it: docker network disconnect NETWORK CONTAINER',
    judge(facts) {
      const network = facts.networks.find(({ name }) => name === `${facts.stack.prefix}-internal`);
      const foreign = network?.members.filter(({ project }) => project !== facts.stack.prefix) ?? [];
      const odd = facts.containers.filter(
        ({ service, networks }) =>
          !['backend', 'postgres'].includes(service) && networks.some(({ name }) => name === network?.name),
      );
      return none(
        [...foreign.map(({ container }) => container), ...odd.map(({ name }) => name)].map(
          (name) => `${name} is on it`,
        ),
        'backend and postgres',
      );
    },
  },
  {
    id: 'database-from-backend',
    family: 'network',
    title: 'The backend reaches the database (tried)',
    source: 'OWASP Docker rule 5',
    fix: 'see why: make prod-health, make prod-logs',
    judge: (facts) =>
      asked(facts, 'backend', facts.reach.databaseFromBackend, (outcome) =>
        outcome === 'open' ? ok('open') : fail(outcome),
      ),
  },
  {
    id: 'database-from-frontend',
    family: 'network',
    title: 'The frontend does not reach the database (tried)',
    source: 'OWASP Docker rule 5',
    fix: `networks: [npm-proxy] for the frontend. ${UP}`,
    notInTestMode: TEST_DATABASE,
    judge: (facts) => noneOpen(facts, 'frontend', facts.reach.databaseFromFrontend),
  },
  {
    id: 'database-from-proxy-network',
    family: 'network',
    title: 'The database is not reached from the network shared with other apps (tried)',
    source: 'OWASP Docker rule 5',
    fix: `networks: [kidney-genetics-internal] for the database. ${UP}`,
    notInTestMode: TEST_DATABASE,
    judge: (facts) => noneOpen(facts, 'frontend', facts.reach.databaseFromProxyNetwork),
  },
  {
    id: 'database-from-host',
    family: 'network',
    title: 'The host does not reach the database (tried)',
    source: 'CIS Docker 1.6.0, 5.9',
    fix: 'the network was made by an older version of the kit: make prod-down prod-up',
    notInTestMode: TEST_DATABASE,
    judge: (facts) => noneOpen(facts, 'postgres', facts.reach.databaseFromHost),
  },
  {
    id: 'database-egress',
    family: 'network',
    title: 'The database has no route out (tried)',
    source: 'OWASP Docker rule 5',
    fix: `networks: [kidney-genetics-internal] for the database. ${UP}`,
    notInTestMode: TEST_DATABASE,
    judge: (facts) =>
      asked(facts, 'postgres', facts.reach.outsideFromDatabase, (outcome) => {
        if (serviceOf(facts, 'postgres')?.inside?.hasDefaultRoute) return fail('it has a default route');
        return outcome === 'ENETUNREACH'
          ? ok('no default route; an address outside was answered: network is unreachable')
          : fail(`an address outside was answered: ${outcome}`);
      }),
  },
  {
    id: 'database-to-host',
    family: 'network',
    title: 'The database does not reach the host (tried)',
    source: 'OWASP Docker rule 5',
    fix: 'the network was made by an older version of the kit: make prod-down prod-up',
    notInTestMode: TEST_DATABASE,
    judge: (facts) =>
      asked(facts, 'postgres', facts.reach.hostFromDatabase, (tries) =>
        none(
          Object.entries(tries)
            // Refused means that the host itself answered.
            .filter(([, outcome]) => !CLOSED.test(outcome) || outcome === 'ECONNREFUSED')
            .map(([target, outcome]) => `${target} answers (${outcome})`),
          describeTries(tries) || 'the host has no address on its network',
        ),
      ),
  },
  {
    id: 'metrics-hidden',
    family: 'network',
    title: 'The metrics are not reached from the shared network (tried)',
    source: 'OWASP Docker rule 5',
    fix: 'METRICS_HOST must be the address on the internal network; leave it out of the environment',
    notInTestMode: 'in test mode backend and database share the bridge that the ports are published from',
    judge: (facts) => noneOpen(facts, 'frontend', facts.reach.metricsFromProxyNetwork),
  },
];

const names: Check[] = [
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

export const networkChecks: readonly Check[] = [...ports, ...database, ...names];
