import type { StackSettings } from '../../stack/stack.ts';
import type { ContainerFacts, ReachFacts, Tries } from '../facts.ts';
import { parseDials, type Sections } from './inside.ts';

/** TEST-NET-1 (RFC 5737): nobody's address, and one that only a route out would try. */
export const OUTSIDE = '192.0.2.1:80';

/** What is tried from where, as host:port. */
export interface Plan {
  /** The database by its names, and by its addresses. */
  database: string[];
  metrics: string[];
  gateways: string[];
}

/** Plans who tries to connect to whom. */
export function planTries(
  settings: StackSettings,
  shared: string,
  containers: readonly ContainerFacts[],
  gateways: string[],
): Plan {
  const addressesOf = (service: string, isMeant: (network: string) => boolean) =>
    containers
      .filter((one) => one.service === service)
      .flatMap(({ networks }) =>
        networks.filter(({ name }) => isMeant(name)).flatMap(({ address, address6 }) => [address, address6]),
      )
      .filter(Boolean);
  return {
    database: [
      'kidney-genetics-postgres',
      `${settings.prefix}-postgres`,
      ...addressesOf('postgres', () => true),
    ].map((host) => `${host}:5432`),
    metrics: addressesOf('backend', (name) => name === shared).map((host) => `${host}:9464`),
    gateways: gateways.map((host) => `${host.includes(':') ? `[${host}]` : host}:22`),
  };
}

/** Sorts what came of the tries. */
export function toReach(
  sectionsOf: (service: string) => Sections,
  dialed: Tries | null,
  fromHost: Tries,
  plan: Plan,
): ReachFacts {
  const pick = (from: Tries | null, targets: readonly string[]) =>
    from && Object.fromEntries(targets.map((target) => [target, from[target] ?? 'could not be tried']));
  const triesOf = (service: string) =>
    sectionsOf(service).size > 0 ? parseDials(sectionsOf(service)) : null;
  const fromDatabase = triesOf('postgres');
  return {
    databaseFromBackend: triesOf('backend')?.[plan.database[0] ?? ''] ?? null,
    databaseFromFrontend: pick(triesOf('frontend'), plan.database.slice(2)),
    databaseFromProxyNetwork: pick(dialed, plan.database),
    databaseFromHost: fromHost,
    metricsFromProxyNetwork: pick(dialed, plan.metrics),
    outsideFromDatabase: fromDatabase?.[OUTSIDE] ?? null,
    hostFromDatabase: pick(fromDatabase, plan.gateways),
  };
}
