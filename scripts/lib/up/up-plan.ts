import type { ContainerInfo } from '../docker/containers.ts';
import { DescribedError, Exit } from '../process/errors.ts';
import { isOfOlderKit } from '../stack/containers.ts';
import { apiNetwork, findLostNetwork, findOtherNetwork, otherNetworkError } from '../stack/network-rules.ts';
import type { Release } from '../stack/release.ts';
import {
  containerName,
  type Mode,
  SERVICES,
  type Service,
  type StackSettings,
  upTarget,
  volumeName,
} from '../stack/stack.ts';

/** What an operator asks for. */
export interface Wish {
  mode: Mode;
  /** The other mode may be stopped. */
  switching: boolean;
  /** An empty database may take the place of one that is gone. */
  empty: boolean;
}

/** What was seen of the host and the stack; nothing of it is decided. */
export interface Sight {
  settings: StackSettings;
  services: readonly ContainerInfo[];
  /** Containers that stand in for a service's own during an update. */
  oneOffs: readonly ContainerInfo[];
  /** Containers of a service under another name: somebody renamed one, or a `docker compose up` was broken off. */
  strays: readonly ContainerInfo[];
  /** Containers that the last update has replaced, on their way out; or that an interrupted one left. */
  former: readonly ContainerInfo[];
  /** Ids of the stack's networks that are there, by name. */
  networkIds: ReadonlyMap<string, string>;
  volumeThere: boolean;
  /** What is deployed by the history, and whether there is a history at all. */
  deployed: Release | undefined;
  hasHistory: boolean;
  /** Images of the deployed release that are not on the host, by service. */
  missingImages: ReadonlyMap<Service, string>;
  /** Whether images were built that could be deployed. */
  built: boolean;
  /** Test mode's ports that other programs hold, such as 8080. */
  takenPorts: readonly number[];
  /** An update that was broken off. */
  interrupted: { command: string; to: Release } | undefined;
  /** Services whose containers are to be made, or made anew, because their configuration differs; undefined when nobody asked. */
  differing: readonly Service[] | undefined;
  /** What the preflight of every changing command found: env file, names, secrets, data; the first is told. */
  refusals: readonly DescribedError[];
}

export type Step =
  | { do: 'build' }
  | { do: 'tag'; from: 'latest' | 'running' }
  | { do: 'name image'; id: string; name: string }
  | { do: 'leave'; mode: Mode }
  | { do: 'rename'; id: string; name: string; to: string }
  | { do: 'remove'; id: string; name: string; why: string }
  | { do: 'unpause'; id: string; name: string }
  | { do: 'join'; id: string; name: string; network: string; aliases: readonly string[] }
  | { do: 'finish'; command: string; to: Release }
  | { do: 'await'; names: readonly string[] }
  | { do: 'up' }
  | { do: 'tidy' };

/** What is done, in this order; what works and may not be meant is said before. */
export interface Plan {
  steps: Step[];
  /** Known before images are built or tagged. */
  release: Release | undefined;
  warnings: string[];
}

/**
 * Decides what `prod-up` does; touches nothing.
 * @param allowedHosts ALLOWED_HOSTS of the env file
 * @throws DescribedError when something stands in the way
 */
export function planUp(wish: Wish, sight: Sight, allowedHosts: string): Plan {
  const refusal = findRefusal(wish, sight);
  if (refusal) throw refusal;
  const { steps, release, warnings } = planImages(sight);
  return {
    release,
    warnings: [...warnings, ...warnOfReach(wish.mode, sight.settings, allowedHosts)],
    steps: [...steps, ...planContainers(wish, sight), { do: 'up' }, ...planTidying(sight)],
  };
}

function findRefusal(wish: Wish, sight: Sight): DescribedError | undefined {
  const { mode } = wish;
  const { settings, services } = sight;
  const [first] = sight.refusals;
  if (first) return first;
  if (mode === 'production' && !sight.networkIds.has(settings.network)) {
    return new DescribedError(
      `The network ${settings.network}, shared with the proxy, is missing`,
      'make npm-network-create',
      Exit.missing,
    );
  }
  return (
    refuseOtherNetwork(mode, settings, services) ??
    refuseOtherMode(wish, sight) ??
    refusePorts(sight) ??
    refuseLost(wish, sight)
  );
}

function refuseOtherNetwork(
  mode: Mode,
  settings: StackSettings,
  services: readonly ContainerInfo[],
): DescribedError | undefined {
  const other = mode === 'production' ? findOtherNetwork(services, settings) : undefined;
  return other === undefined ? undefined : otherNetworkError(settings, other);
}

/** Nobody "tests" on live data, or stops a production, unawares. */
function refuseOtherMode(
  { mode, switching }: Wish,
  { settings, services }: Sight,
): DescribedError | undefined {
  const other = findOtherMode(mode, services);
  if (!other || switching) return undefined;
  return new DescribedError(
    `${settings.prefix} is up in ${other} mode, which uses the same containers and the same data`,
    `to stop that and switch: ${upTarget(mode)} SWITCH=1`,
  );
}

function findOtherMode(mode: Mode, services: readonly ContainerInfo[]): Mode | undefined {
  return services.find((container) => container.mode && container.mode !== mode)?.mode;
}

function refusePorts({ takenPorts }: Sight): DescribedError | undefined {
  if (takenPorts.length === 0) return undefined;
  return new DescribedError(
    `Another program has the port ${takenPorts.join(', ')}`,
    'choose other ports: make prod-env TEST_FRONTEND_PORT=8090 TEST_BACKEND_PORT=8011 TEST_POSTGRES_PORT=5443, then: make prod-test-up',
  );
}

/** The data or the images of what is deployed are gone: what takes their place is a person's to say. */
function refuseLost({ mode, empty }: Wish, sight: Sight): DescribedError | undefined {
  const { settings, deployed, volumeThere, services, missingImages } = sight;
  if (deployed && !volumeThere && !empty) {
    return new DescribedError(
      `The history knows of data, but the volume ${volumeName(settings)} is gone: a new database would be empty`,
      `bring the volume back; or begin with an empty one and restore into it: ${upTarget(mode)} EMPTY=1, then: make prod-restore FILE=latest`,
    );
  }
  const lost = [...missingImages].find(([service]) => !findImageOf(service, sight));
  if (!lost || services.length === 0) return undefined;
  return new DescribedError(
    `The deployed image ${lost[1]} is not on this host any more`,
    'deploy what the checkout holds: make prod-update WITH_DATABASE=1',
  );
}

/** A container that runs keeps its image, also when its name was taken away, as by `docker image prune -a`. */
function findImageOf(service: Service, { services, missingImages }: Sight): ContainerInfo | undefined {
  return services.find((one) => one.service === service && one.image === missingImages.get(service));
}

function planImages(sight: Sight): { steps: Step[]; release: Release | undefined; warnings: string[] } {
  const { deployed, missingImages, services, hasHistory, built } = sight;
  const names = [...missingImages].flatMap(([service, name]): Step[] => {
    const keeper = findImageOf(service, sight);
    return keeper ? [{ do: 'name image', id: keeper.imageId, name }] : [];
  });
  if (deployed && names.length === missingImages.size)
    return { steps: names, release: deployed, warnings: [] };
  // A whole stack whose history is gone, as after `git clean -fdx`, or that was started by hand: what it runs is deployed.
  if (services.length === SERVICES.length && !hasHistory) {
    return { steps: [{ do: 'tag', from: 'running' }], release: undefined, warnings: [] };
  }
  const [name] = missingImages.values();
  return {
    steps: [...(built ? [] : [{ do: 'build' } as const]), { do: 'tag', from: 'latest' }],
    release: undefined,
    warnings: deployed
      ? [`The deployed image ${name} is not on this host any more: what was built last is deployed instead`]
      : [],
  };
}

function planContainers({ mode }: Wish, sight: Sight): Step[] {
  const { settings, services, interrupted } = sight;
  const other = findOtherMode(mode, services);
  if (other) return [{ do: 'leave', mode: other }];
  return [
    ...sight.strays.map((stray) => planStray(stray, sight)),
    ...services
      .filter(({ state }) => state === 'paused')
      .map(({ id, name }): Step => ({ do: 'unpause', id, name })),
    ...services.filter((one) => !isOfOlderKit(one)).flatMap((container) => planNetworks(container, sight)),
    ...services
      .filter(isOfOlderKit)
      .map(
        ({ id, name }): Step => ({ do: 'remove', id, name, why: 'was made by an older version of this kit' }),
      ),
    ...(interrupted ? [{ do: 'finish', command: interrupted.command, to: interrupted.to } as const] : []),
    ...(sight.former.length > 0
      ? [{ do: 'await', names: sight.former.map(({ name }) => name) } as const]
      : []),
  ].filter((step) => !('name' in step) || step.name !== settings.prefix);
}

/** The one container of its service gets its name back, and goes on; one beside a proper one is what Compose did not finish. */
export function planStray(stray: ContainerInfo, { settings, services, strays }: Sight): Step {
  const { id, name } = stray;
  const service = stray.service as Service;
  const candidates = strays.filter((one) => one.service === service);
  const best = candidates.find(({ state }) => state === 'running') ?? candidates[0];
  const isAlone = !services.some((one) => one.service === service) && stray === best;
  if (isAlone) return { do: 'rename', id, name, to: containerName(settings, service) };
  return { do: 'remove', id, name, why: 'is what a broken-off docker compose left' };
}

/**
 * A container off a network that is there joins it again and goes on; one whose network is another one by now cannot be started
 * and is made anew.
 */
function planNetworks(container: ContainerInfo, { settings, networkIds }: Sight): Step[] {
  const { id, name, service } = container;
  const network = findLostNetwork(container, settings, networkIds);
  if (!network) return [];
  const why = `is not on the network ${network} that is there now`;
  const joins =
    container.state === 'running' &&
    container.networks[network] === undefined &&
    // Its name there is given by Compose alone; so is that by which the API finds the database.
    network !== apiNetwork(settings) &&
    service !== 'kidney-genetics-postgres' &&
    networkIds.has(network);
  return joins
    ? [{ do: 'join', id, name, network, aliases: [service, name] }]
    : [{ do: 'remove', id, name, why }];
}

function planTidying({ oneOffs }: Sight): Step[] {
  return oneOffs.length > 0 ? [{ do: 'tidy' }] : [];
}

/** What works, but may not be meant. */
function warnOfReach(mode: Mode, settings: StackSettings, hosts: string): string[] {
  const local = /^(localhost|127\.0\.0\.1|[\s,])*$/.test(hosts);
  if (mode === 'production') {
    return local
      ? [
          'ALLOWED_HOSTS names no domain: the API refuses requests through the proxy until yours is in it (make prod-env DOMAIN=your.domain)',
        ]
      : [];
  }
  if (settings.bind.startsWith('127.')) return [];
  return [
    'The ports are open to the network, the database’s too, whatever the firewall says',
    ...(local ? ['ALLOWED_HOSTS names no address of this host: from outside the API refuses requests'] : []),
  ];
}
