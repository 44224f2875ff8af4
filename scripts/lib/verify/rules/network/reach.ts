import { asked, type Check, type Finding, fail, none, ok, serviceOf } from '../../check.ts';
import type { Facts, Tries } from '../../facts.ts';
import { UP } from '../fixes.ts';

const TEST_DATABASE = 'test mode publishes the database’s port, for which it joins a bridge with a way out';

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

/** Who reaches whom: networks, and connections that were tried. */
export const reachChecks: readonly Check[] = [
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
