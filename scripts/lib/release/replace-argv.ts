import type { ContainerInfo } from '../docker/containers.ts';
import { sandboxArgv } from '../docker/sandbox-argv.ts';
import { apiNetwork } from '../stack/network-rules.ts';
import { composeArgv, containerName, type Service, type StackSettings, upArgv } from '../stack/stack.ts';

/** The services that are replaced without a gap, in their order: the API first, then the page that calls it. */
export const REPLACED_SERVICES = [
  'kidney-genetics-backend-service',
  'kidney-genetics-frontend-service',
] as const;
export type ReplacedService = (typeof REPLACED_SERVICES)[number];

/**
 * How long proxies may go on with the addresses that they have: Nginx Proxy Manager asks for the frontend's anew every
 * 10 s, our nginx for the backend's every 2 s.
 */
export const NAME_CACHE_MS: Readonly<Record<ReplacedService, number>> = {
  'kidney-genetics-backend-service': 3500,
  'kidney-genetics-frontend-service': 11_000,
};

/** The container in which the next version is tried. */
export function nextName(settings: StackSettings, service: Service): string {
  return `${containerName(settings, service)}-next`;
}

/** The command line that starts the next version for a trial, under no name that proxies ask for. */
export function runNextArgv(settings: StackSettings, service: ReplacedService): string[] {
  const run = ['run', '-d', '--no-deps', '--name', nextName(settings, service), service];
  return composeArgv('production', settings, run);
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

/** What `retireArgv` reads of a container. */
type Retiring = Pick<ContainerInfo, 'id' | 'image'>;

/** Stops and removes a container, and has another one take its address; $0 its id, $1 what reads an address, $2 a name. */
const RETIRE = `exec >/dev/null 2>&1
id=$0 read=$1 name=$2
shift 2
address=$(docker inspect --format "$read" "$id") || exit
# Takes the one lower address that most often is free, before there is haste.
docker run --detach --rm --name "$name-0" "$@"
docker stop -t 40 "$id"
docker rm --force --volumes "$id"
[ "$address" ] || exit 0
for number in 1 2 3 4 5 6 7 8; do
  holder=$(docker run --detach --rm --name "$name-$number" "$@") || exit
  [ "$(docker inspect --format "$read" "$holder")" != "$address" ] || exit 0
done`;

/**
 * The command line that stops and removes a container and returns at once: what it began may take 20 s, and nobody waits.
 * Docker's DNS gives its address until it has ended, and proxies go on with that for some seconds: whoever connects to an
 * address of nobody waits up to 40 s (measured). So a container without a name takes it, where the kernel refuses at once;
 * the engine gives out the lowest free address, and several are started until one has it.
 */
export function retireArgv(
  settings: StackSettings,
  service: ReplacedService,
  { id, image }: Retiring,
): string[] {
  const isBackend = service === 'kidney-genetics-backend-service';
  const network = isBackend ? apiNetwork(settings) : settings.network;
  const read = `{{(index .NetworkSettings.Networks "${network}").IPAddress}}`;
  const ms = NAME_CACHE_MS[service] + 1000;
  const sleep = isBackend
    ? ['--entrypoint', 'node', image, '-e', `setTimeout(() => {}, ${ms})`]
    : ['--entrypoint', 'sleep', image, String(ms / 1000)];
  const holder = ['--init', ...sandboxArgv({ network }), ...sleep];
  return [
    ...['setsid', '--fork', 'sh', '-c', RETIRE],
    ...[id, read, `${containerName(settings, service)}-address`, ...holder],
  ];
}
