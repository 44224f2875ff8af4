import { sandboxArgv } from '../docker/sandbox-argv.ts';
import { apiNetwork, networksOf } from '../stack/network-rules.ts';
import { composeArgv, containerName, type Service, type StackSettings, upArgv } from '../stack/stack.ts';

/** The services that are replaced without a gap, in their order: the API first, then the page that calls it. */
export const REPLACED_SERVICES = ['kidney-genetics-backend', 'kidney-genetics-frontend'] as const;
export type ReplacedService = (typeof REPLACED_SERVICES)[number];

/**
 * How long proxies may go on with the addresses that they have: Nginx Proxy Manager asks for the frontend's anew every
 * 10 s, our nginx for the backend's every 2 s.
 */
export const NAME_CACHE_MS: Readonly<Record<ReplacedService, number>> = {
  'kidney-genetics-backend': 3500,
  'kidney-genetics-frontend': 11_000,
};

/** The container that stands in while a service's own one is replaced. */
export function nextName(settings: StackSettings, service: Service): string {
  return `${containerName(settings, service)}-next`;
}

/** The command line that starts it: under no name that proxies ask for, until it has shown that it works. */
export function runNextArgv(settings: StackSettings, service: ReplacedService): string[] {
  const run = ['run', '-d', '--no-deps', '--name', nextName(settings, service), service];
  return composeArgv('production', settings, run);
}

/** The networks on which others ask for a service by name. */
export function askedNetworks(settings: StackSettings, service: ReplacedService): string[] {
  const askedOn = service === 'kidney-genetics-backend' ? apiNetwork(settings) : '';
  return networksOf('production', settings, service).filter((name) =>
    [settings.network, askedOn].includes(name),
  );
}

/** The network on which a service has most of its users: of the API that is nginx. */
export function mainNetwork(settings: StackSettings, service: ReplacedService): string {
  return service === 'kidney-genetics-backend' ? apiNetwork(settings) : settings.network;
}

/**
 * The command lines that make it answer to the service's names on a network. The first cuts what is open: nothing is yet.
 * @param backendName by which nginx finds the API
 */
export function joinArgv(
  settings: StackSettings,
  service: ReplacedService,
  network: string,
  backendName: string,
): string[][] {
  const next = nextName(settings, service);
  const own = network === apiNetwork(settings) ? [backendName] : [];
  const aliases = [...new Set([service, containerName(settings, service), ...own])].filter(Boolean);
  return [
    ['docker', 'network', 'disconnect', network, next],
    [
      ...['docker', 'network', 'connect', ...aliases.flatMap((alias) => ['--alias', alias])],
      ...[network, next],
    ],
  ];
}

/**
 * The command line that makes a service what the compose files say, and with it those it depends on.
 * @param alone leave those as they are: the container then has another configuration than with `up`, which replaces it later
 */
export function upServiceArgv(settings: StackSettings, service: Service, alone = false): string[] {
  return [...upArgv('production', settings), ...(alone ? ['--no-deps'] : []), service];
}

/** The command line that tells which configuration a service's container should have. */
export function hashArgv(settings: StackSettings, service: Service): string[] {
  return composeArgv('production', settings, ['config', '--hash', service]);
}

/**
 * The command line of a container that takes the lowest free address of the network for a while, and does nothing: whoever
 * still has that address of a container that is gone is refused at once, instead of waiting for nobody to answer.
 * @param image of the container that is gone
 * @param id tells it from others
 */
export function placeholderArgv(
  settings: StackSettings,
  service: ReplacedService,
  image: string,
  id: string,
  ms: number,
): string[] {
  const wait =
    service === 'kidney-genetics-backend'
      ? ['--entrypoint', 'node', image, '-e', `setTimeout(() => {}, ${ms})`]
      : ['--entrypoint', 'sleep', image, String(Math.ceil(ms / 1000))];
  return [
    ...['docker', 'run', '-d', '--rm', '--name', `${settings.prefix}-placeholder-${id}`],
    ...['--init', ...sandboxArgv({ network: mainNetwork(settings, service) }), ...wait],
  ];
}

/** What `docker network inspect` tells of a network's addresses. */
export interface NetworkAddresses {
  IPAM: { Config: readonly { Subnet: string; Gateway?: string }[] };
  Containers: Readonly<Record<string, { IPv4Address: string }>>;
}

/** How many free addresses of a network the engine would give out before the given one: it gives the lowest first. */
export function countLowerFree({ IPAM, Containers }: NetworkAddresses, address: string): number {
  const config = IPAM.Config.find(({ Subnet }) => Subnet.includes('.'));
  if (!config) return 0;
  const end = toNumber(address);
  const taken = [config.Gateway ?? '', ...Object.values(Containers).map(({ IPv4Address }) => IPv4Address)];
  const lower = new Set(
    taken
      .filter(Boolean)
      .map(toNumber)
      .filter((number) => number < end),
  );
  return Math.max(0, end - toNumber(config.Subnet) - 1 - lower.size);
}

/** @param address such as 172.20.0.3 or 172.20.0.3/16 */
function toNumber(address: string): number {
  const parts = (address.split('/')[0] ?? '').split('.').map(Number);
  return parts.reduce((sum, part) => sum * 256 + part, 0);
}
