import { DescribedError, Exit } from '../process/errors.ts';
import { type Mode, PROXIED_SERVICES, SERVICES, type Service, type StackSettings } from './stack.ts';

/** Who answers to a name on a network. */
export interface NetworkMember {
  container: string;
  project: string;
  names: readonly string[];
}

/** A name that this stack will take and somebody else already answers to. */
export interface NameConflict {
  name: string;
  container: string;
  project: string;
}

/**
 * Finds names on a shared network that two projects would answer to; Docker's DNS would then give either.
 * @param members who is on the network
 * @param taking the names this stack takes there
 * @param project this stack's Compose project, whose own containers are no conflict
 */
export function findNameConflicts(
  members: readonly NetworkMember[],
  taking: readonly string[],
  project: string,
): NameConflict[] {
  return members
    .filter((member) => member.project !== project)
    .flatMap((member) =>
      taking
        .filter((name) => member.names.includes(name))
        .map((name) => ({ name, container: member.container, project: member.project })),
    );
}

/** The networks of a service, as the compose files say; a test compares. */
export function networksOf(mode: Mode, settings: StackSettings, service: Service): string[] {
  const { prefix, network, backendOnProxy } = settings;
  const shared = mode === 'test' ? `${prefix}-test` : network;
  const internal = `${prefix}-internal`;
  if (service === 'kidney-genetics-frontend-service') return [shared, apiNetwork(settings)];
  if (service === 'kidney-genetics-postgres') return mode === 'test' ? [shared, internal] : [internal];
  const own = [apiNetwork(settings), internal];
  return mode === 'test' || backendOnProxy ? [shared, ...own] : own;
}

/** The network over which nginx reaches the API. */
export function apiNetwork({ prefix }: StackSettings): string {
  return `${prefix}-api`;
}

/**
 * Finds a network that a container of the stack should be on and is not: it was taken off by hand, or the network was removed,
 * and perhaps made again, while the container did not run. The engine then cannot start it, and Compose leaves it as it is.
 * @param ids of the networks that are there, by name; without them only what the container says counts
 */
export function findLostNetwork(
  container: { service: string; mode: Mode | undefined; networks: Readonly<Record<string, string>> },
  settings: StackSettings,
  ids?: ReadonlyMap<string, string>,
): string | undefined {
  const service = SERVICES.find((one) => one === container.service);
  if (!service || !container.mode) return undefined;
  return networksOf(container.mode, settings, service).find((name) => {
    const id = container.networks[name];
    return id === undefined || (ids !== undefined && id !== '' && id !== ids.get(name));
  });
}

/**
 * Finds the network on which a stack is reached, when that is another one than the settings say: NPM_NETWORK was given when it was
 * brought up, and now it was not.
 */
export function findOtherNetwork(
  containers: readonly {
    service: string;
    mode: Mode | undefined;
    networks: Readonly<Record<string, string>>;
  }[],
  { prefix, network }: StackSettings,
): string | undefined {
  const proxied = containers.filter(({ service }) => PROXIED_SERVICES.some((one) => one === service));
  if (proxied.length < PROXIED_SERVICES.length || proxied.some(({ mode }) => mode !== 'production'))
    return undefined;
  if (proxied.some(({ networks }) => network in networks)) return undefined;
  return Object.keys(proxied[0]?.networks ?? {}).find(
    (name) =>
      ![`${prefix}-internal`, `${prefix}-api`].includes(name) &&
      proxied.every(({ networks }) => name in networks),
  );
}

/** The stack is reached over another network than its settings say. */
export function otherNetworkError(settings: StackSettings, other: string): DescribedError {
  return new DescribedError(
    `${settings.prefix} is reached over the network ${other}, and NPM_NETWORK is ${settings.network}`,
    `make prod-env NPM_NETWORK=${other}; to move the stack: make prod-down, then this again`,
    Exit.usage,
  );
}
