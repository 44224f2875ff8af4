import { isIPv4 } from 'node:net';
import { resolve } from 'node:path';

/** Production is reached through the proxy alone; test mode is the same stack with ports on the host. */
export type Mode = 'production' | 'test';

/** Everything that names a resource on the host; tests set another prefix and so never meet a live stack. */
export interface StackSettings {
  prefix: string;
  network: string;
  envFile: string;
  bind: string;
  ports: { frontend: number; backend: number; postgres: number };
}

/** The service keys of deploy/docker-compose.prod.yml, in the order in which they depend on each other. */
export const SERVICES = [
  'kidney-genetics-postgres',
  'kidney-genetics-backend',
  'kidney-genetics-frontend',
] as const;
export type Service = (typeof SERVICES)[number];

/** The services that join the network shared with the proxy and other apps. */
export const PROXIED_SERVICES: readonly Service[] = ['kidney-genetics-backend', 'kidney-genetics-frontend'];

/** The target that brings a stack up in a mode; of one that is not up, production. */
export function upTarget(mode: Mode = 'production'): string {
  return mode === 'test' ? 'make prod-test-up' : 'make prod-up';
}

/** The short name of a service: `backend`. */
export function shortName(service: Service): 'postgres' | 'backend' | 'frontend' {
  return service.replace('kidney-genetics-', '') as 'postgres' | 'backend' | 'frontend';
}

/**
 * Reads the stack's settings from the environment.
 * @param env such as process.env
 * @param root the repository's folder, which relative paths start from
 */
export function readSettings(env: Readonly<Record<string, string | undefined>>, root: string): StackSettings {
  const port = (key: string, fallback: number) => Number(env[key] || fallback);
  return {
    prefix: env.STACK_PREFIX || 'kidney-genetics',
    network: env.NPM_NETWORK || 'npm-proxy',
    envFile: resolve(root, env.ENV_FILE || '.env.production'),
    bind: env.TEST_BIND || '127.0.0.1',
    ports: {
      frontend: port('TEST_FRONTEND_PORT', 8080),
      backend: port('TEST_BACKEND_PORT', 8001),
      postgres: port('TEST_POSTGRES_PORT', 5433),
    },
  };
}

/**
 * Looks for a setting that the engine would refuse half way through a command.
 * @returns what is wrong, one sentence; undefined when nothing is
 */
export function findBadSetting({ prefix, network, bind, ports }: StackSettings): string | undefined {
  // An image's name has no capitals; a container's is a host name, of which the longest here is PREFIX-frontend-placeholder.
  if (!/^[a-z0-9]+([_-][a-z0-9]+)*$/.test(prefix) || prefix.length > 40) {
    return `STACK_PREFIX=${prefix}: a prefix has small letters, digits and single hyphens, 40 at the most`;
  }
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(network)) {
    return `NPM_NETWORK=${network}: the name of a network has letters, digits, hyphens, dots and underscores`;
  }
  if (!isIPv4(bind)) return `TEST_BIND=${bind} is no IPv4 address`;
  const taken = new Map<number, string>();
  for (const [name, port] of Object.entries(ports)) {
    const key = `TEST_${name.toUpperCase()}_PORT`;
    if (!Number.isInteger(port) || port < 1 || port > 65_535)
      return `${key} has to be a number from 1 to 65535`;
    if (taken.has(port)) return `${taken.get(port)} and ${key} are both ${port}`;
    taken.set(port, key);
  }
  return undefined;
}

/** The container of a service, and its image without a tag. */
export function containerName(settings: StackSettings, service: Service): string {
  return `${settings.prefix}-${shortName(service)}`;
}

/** The volume that holds the database. */
export function volumeName(settings: StackSettings): string {
  return `${settings.prefix}-postgres-data`;
}

/** The compose files of a mode, relative to the repository; test mode adds to production and repeats nothing. */
export function composeFiles(mode: Mode): string[] {
  const files = ['deploy/docker-compose.prod.yml'];
  return mode === 'test' ? [...files, 'deploy/docker-compose.prod.test.yml'] : files;
}

/**
 * The command line of `docker compose` on the stack's files.
 * @param args what follows, such as ['down']; what changes containers needs ['--env-file', ...] as well, see `upArgv`
 */
export function composeArgv(mode: Mode, settings: StackSettings, args: readonly string[]): string[] {
  const files = composeFiles(mode).flatMap((file) => ['-f', file]);
  return ['docker', 'compose', '-p', settings.prefix, ...files, ...args];
}

/** Nginx Proxy Manager for a host that has none: a project of its own beside the stack. */
export const NPM_COMPOSE = 'deploy/npm/docker-compose.yml';

/** The command line of `docker compose` on that. */
export function npmArgv(settings: StackSettings, args: readonly string[]): string[] {
  return ['docker', 'compose', '-p', `${settings.prefix}-npm`, '-f', NPM_COMPOSE, ...args];
}

/** The command line that brings the stack up from images that are there. */
export function upArgv(mode: Mode, settings: StackSettings): string[] {
  return composeArgv(mode, settings, [
    '--env-file',
    settings.envFile,
    'up',
    '-d',
    '--no-build',
    '--pull',
    'never',
  ]);
}

/** The variables of the compose files that name things; with their defaults the others may be missing for `down`. */
export function composeNames(mode: Mode, settings: StackSettings): Record<string, string> {
  return {
    STACK_PREFIX: settings.prefix,
    STACK_MODE: mode,
    NPM_NETWORK: settings.network,
    TEST_BIND: settings.bind,
    TEST_FRONTEND_PORT: String(settings.ports.frontend),
    TEST_BACKEND_PORT: String(settings.ports.backend),
    TEST_POSTGRES_PORT: String(settings.ports.postgres),
  };
}
