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
