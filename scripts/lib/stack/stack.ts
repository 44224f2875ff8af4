import { isIPv4 } from 'node:net';

/** Production is reached through the proxy alone; test mode is the same stack with ports on the host. */
export type Mode = 'production' | 'test';

/** Everything that names a resource on the host; tests set another prefix and so never meet a live stack. */
export interface StackSettings {
  prefix: string;
  network: string;
  /** Whether the API joins the shared network too, for a proxy that asks it itself. */
  backendOnProxy: boolean;
  envFile: string;
  /** The site's name, as visitors type it; undefined while the env file has none. */
  domain: string | undefined;
  bind: string;
  ports: { frontend: number; backend: number; postgres: number };
}

/**
 * The service keys of deploy/docker-compose.prod.yml, in the order in which they depend on each other. Keys are DNS names on every
 * network of a service, and the same in every stack of this kit: whoever asks a stack does so by the names of its containers.
 */
export const SERVICES = [
  'kidney-genetics-postgres',
  'kidney-genetics-backend-service',
  'kidney-genetics-frontend-service',
] as const;
export type Service = (typeof SERVICES)[number];

/** The services that join the network shared with the proxy and other apps. */
export const PROXIED_SERVICES: readonly Service[] = [
  'kidney-genetics-backend-service',
  'kidney-genetics-frontend-service',
];

/** The target that brings a stack up in a mode; of one that is not up, production. */
export function upTarget(mode: Mode = 'production'): string {
  return mode === 'test' ? 'make prod-test-up' : 'make prod-up';
}

/** The service of a short name. */
export function serviceOf(short: 'postgres' | 'backend' | 'frontend'): Service {
  return SERVICES.find((service) => shortName(service) === short) ?? SERVICES[0];
}

/** The short name of a service: `backend`. */
export function shortName(service: Service): 'postgres' | 'backend' | 'frontend' {
  return service.replace(/^kidney-genetics-|-service$/g, '') as 'postgres' | 'backend' | 'frontend';
}

/** What a stack is called and where it is reached: the keys of the env file, and what holds without them. */
const DEFAULTS = {
  STACK_PREFIX: 'kidney-genetics',
  NPM_NETWORK: 'npm-proxy',
  BACKEND_ON_PROXY: '1',
  DOMAIN: '',
  TEST_BIND: '127.0.0.1',
  TEST_FRONTEND_PORT: '8080',
  TEST_BACKEND_PORT: '8001',
  TEST_POSTGRES_PORT: '5433',
} as const;
export type StackKey = keyof typeof DEFAULTS;
export const STACK_KEYS = Object.keys(DEFAULTS) as readonly StackKey[];

type Source = Readonly<Record<string, string | undefined>>;

/**
 * Reads the stack's settings.
 * @param values of the env file
 * @param envFile its absolute path
 */
export function readSettings(values: Source, envFile: string): StackSettings {
  const of = (key: StackKey) => values[key] || DEFAULTS[key];
  return {
    prefix: of('STACK_PREFIX'),
    network: of('NPM_NETWORK'),
    backendOnProxy: of('BACKEND_ON_PROXY') !== '0',
    envFile,
    domain: of('DOMAIN') || undefined,
    bind: of('TEST_BIND'),
    ports: {
      frontend: Number(of('TEST_FRONTEND_PORT')),
      backend: Number(of('TEST_BACKEND_PORT')),
      postgres: Number(of('TEST_POSTGRES_PORT')),
    },
  };
}

/**
 * Finds a setting that a shell gives and the env file says otherwise: which of both a command would follow is not to be guessed.
 * A domain is nobody's default, so that only another one than the file's counts.
 */
export function findContradiction(
  file: Source,
  shell: Source,
): { key: StackKey; file: string; shell: string } | undefined {
  const key = STACK_KEYS.find((one) => {
    const ours = file[one] || DEFAULTS[one];
    return shell[one] && ours && shell[one] !== ours;
  });
  return key && { key, file: file[key] || DEFAULTS[key], shell: shell[key] ?? '' };
}

const HOST_NAME = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/;

/**
 * Looks whether the engine would take a setting.
 * @returns what is wrong, as what follows the key in a sentence; undefined when nothing is
 */
export function checkSetting(key: StackKey, value: string): string | undefined {
  if (key === 'STACK_PREFIX') {
    // An image's name has no capitals; a container's is a host name, of which the longest here is PREFIX-frontend-placeholder.
    const fits = /^[a-z0-9]+([_-][a-z0-9]+)*$/.test(value) && value.length <= 40;
    return fits ? undefined : 'must have small letters, digits and single hyphens, 40 at the most';
  }
  if (key === 'NPM_NETWORK') {
    const fits = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(value);
    return fits ? undefined : 'must have letters, digits, hyphens, dots and underscores';
  }
  if (key === 'DOMAIN')
    return HOST_NAME.test(value) ? undefined : 'must be one host name, without scheme, port or path';
  if (key === 'BACKEND_ON_PROXY') return /^[01]$/.test(value) ? undefined : 'must be 1 or 0';
  if (key === 'TEST_BIND') return isIPv4(value) ? undefined : 'must be an IPv4 address';
  const port = Number(value);
  return Number.isInteger(port) && port >= 1 && port <= 65_535
    ? undefined
    : 'must be a number from 1 to 65535';
}

/**
 * Looks for a setting that the engine would refuse half way through a command.
 * @returns what is wrong, one sentence; undefined when nothing is
 */
export function findBadSetting(values: Source): string | undefined {
  const taken = new Map<string, StackKey>();
  for (const key of STACK_KEYS) {
    const value = values[key] || DEFAULTS[key];
    const problem = value && checkSetting(key, value);
    if (problem) return `${key}=${value} ${problem}`;
    if (!key.endsWith('_PORT')) continue;
    if (taken.has(value)) return `${taken.get(value)} and ${key} are both ${value}`;
    taken.set(value, key);
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
export function composeFiles(mode: Mode, backendOnProxy = true): string[] {
  const files = ['deploy/docker-compose.prod.yml'];
  if (mode === 'test') return [...files, 'deploy/docker-compose.prod.test.yml'];
  return backendOnProxy ? files : [...files, 'deploy/docker-compose.off-proxy.yml'];
}

/**
 * The command line of `docker compose` on the stack's files. Compose reads no env file by itself: whatever its own grammar makes
 * of one, it gets the values that this kit has read, see `composeEnv`.
 * @param args what follows, such as ['down']
 */
export function composeArgv(mode: Mode, settings: StackSettings, args: readonly string[]): string[] {
  const files = composeFiles(mode, settings.backendOnProxy).flatMap((file) => ['-f', file]);
  return ['docker', 'compose', '-p', settings.prefix, '--env-file', '/dev/null', ...files, ...args];
}

/** Nginx Proxy Manager for a host that has none: a project of its own beside the stack. */
export const NPM_COMPOSE = 'deploy/npm/docker-compose.yml';

/** Its Compose project; its container is called so too. */
export function npmProject({ prefix }: StackSettings): string {
  return `${prefix}-npm`;
}

/** The command line of `docker compose` on that. */
export function npmArgv(settings: StackSettings, args: readonly string[]): string[] {
  return ['docker', 'compose', '-p', npmProject(settings), '-f', NPM_COMPOSE, ...args];
}

/** The command line that brings the stack up from images that are there. */
export function upArgv(mode: Mode, settings: StackSettings): string[] {
  return composeArgv(mode, settings, ['up', '-d', '--no-build', '--pull', 'never']);
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
