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

/**
 * The command line that stops and removes a container and returns at once: what it began may take 20 s, and after that its
 * address refuses for some seconds more. Longer than `docker stop` waits for both, nobody waits.
 */
export function retireArgv(id: string): string[] {
  const script = 'exec >/dev/null 2>&1; docker stop -t 40 "$0"; docker rm --force --volumes "$0"';
  return ['setsid', '--fork', 'sh', '-c', script, id];
}
