import { isIP } from 'node:net';

/** Everything the API reads from its environment, checked and typed. */
export interface Env {
  /** The address to listen on; empty for all, of both families. */
  host: string;
  port: number;
  /** Read anew from its file each time it is asked for, like the keys: a rotation needs no restart. */
  readonly databaseUrl: string;
  /** Keys that sign bearer tokens; the first is current, a second is still accepted after a rotation. */
  readonly secretKeys: readonly string[];
  /** Lower-case host names; `*` allows any, a leading dot allows a domain and its subdomains. */
  allowedHosts: readonly string[];
  corsOrigins: readonly string[];
  /** Path prefix of the versioned API, without a slash at its end. */
  apiPrefix: string;
  projectName: string;
  logLevel: 'debug' | 'info' | 'warn' | 'error';
  logFormat: 'json' | 'text';
  version: string;
  revision: string;
  metricsPort: number;
  /** Address of /metrics; null means the local address that reaches the database. */
  metricsHost: string | null;
  poolMax: number;
  statementTimeoutMs: number;
  maxConcurrentRequests: number;
  wsMaxClients: number;
  wsMaxClientsPerAddress: number;
}

/** Thrown by readEnv: carries every problem found, each starting with the name of its variable. */
export class EnvError extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(
      `The environment has ${problems.length} problem(s):\n${problems.map((p) => `  - ${p}`).join('\n')}`,
    );
    this.name = 'EnvError';
    this.problems = problems;
  }
}

type Source = Readonly<Record<string, string | undefined>>;
const logLevels = { debug: 'debug', info: 'info', warning: 'warn', warn: 'warn', error: 'error' } as const;
const minimumKeyLength = 32;

/**
 * Reads the settings from environment variables; secrets may come from files (`NAME_FILE`).
 *
 * @param source the variables, such as process.env
 * @param readFile reads a secret file as text; what it throws is reported with the variable's name
 * @throws EnvError with all problems at once
 */
export function readEnv(source: Source, readFile: (path: string) => string): Env {
  const problems: string[] = [];
  const report = (name: string, problem: string) => problems.push(`${name}: ${problem}`);

  const text = (name: string, fallback: string) => source[name]?.trim() || fallback;

  function integer(name: string, fallback: number, low: number, high: number): number {
    const raw = text(name, String(fallback));
    const value = /^\d+$/.test(raw) ? Number(raw) : Number.NaN;
    if (value >= low && value <= high) return value;
    report(name, `"${raw}" is not a whole number from ${low} to ${high}`);
    return fallback;
  }

  function secret(name: string): string {
    const file = source[`${name}_FILE`]?.trim();
    if (!file) return source[name]?.trim() ?? '';
    if (source[name]?.trim()) report(name, `is set, and so is ${name}_FILE: keep one of them`);
    try {
      const value = readFile(file).trim();
      if (value === '') report(`${name}_FILE`, `${file} is empty`);
      return value;
    } catch (error) {
      report(
        `${name}_FILE`,
        `cannot read ${file}: ${error instanceof Error ? error.message : String(error)}`,
      );
      return '';
    }
  }

  function reported(name: string): boolean {
    return problems.some(
      (problem) => problem.startsWith(`${name}: `) || problem.startsWith(`${name}_FILE: `),
    );
  }

  function databaseUrl(): string {
    const value = secret('DATABASE_URL');
    if (value === '') {
      if (!reported('DATABASE_URL'))
        report('DATABASE_URL', 'is missing (postgresql://user:password@host:5432/database)');
      return value;
    }
    const problem = findDatabaseUrlProblem(value);
    if (problem) report('DATABASE_URL', problem);
    const host = text('DATABASE_HOST', '');
    return problem || host === '' ? value : atHost(value, host);
  }

  function secretKeys(): string[] {
    const keys: string[] = [];
    for (const name of ['SECRET_KEY', 'SECRET_KEY_PREVIOUS']) {
      const value = secret(name);
      if (value === '') {
        if (name === 'SECRET_KEY' && !reported(name))
          report(name, 'is missing (openssl rand -hex 32 makes one)');
      } else if (value.length < minimumKeyLength) {
        report(
          name,
          `has ${value.length} characters, at least ${minimumKeyLength} are needed (openssl rand -hex 32)`,
        );
      } else keys.push(value);
    }
    return keys;
  }

  function allowedHosts(): string[] {
    const names = text('ALLOWED_HOSTS', 'localhost,127.0.0.1').split(',');
    const hosts = names.map((name) => name.trim().toLowerCase()).filter((name) => name !== '');
    for (const name of hosts) {
      const bare = name.replace(/^\[(.*)\]$/, '$1');
      if (
        name === '*' ||
        isIP(bare) !== 0 ||
        /^\.?[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_-]+)*$/.test(name)
      )
        continue;
      report('ALLOWED_HOSTS', `"${name}" is not a host name (no scheme, port or path)`);
    }
    return hosts;
  }

  function corsOrigins(): string[] {
    const raw = text('BACKEND_CORS_ORIGINS', '[]');
    const origins = parseStringList(raw);
    if (!origins) {
      report('BACKEND_CORS_ORIGINS', `is not a JSON list of texts, such as ["https://app.example.org"]`);
      return [];
    }
    for (const origin of origins) {
      if (URL.canParse(origin) && new URL(origin).origin === origin) continue;
      report('BACKEND_CORS_ORIGINS', `"${origin}" is not an origin, such as https://app.example.org`);
    }
    return origins;
  }

  function apiPrefix(): string {
    const value = text('API_V1_STR', '/api/v1').replace(/\/+$/, '');
    if (!/^(\/[a-zA-Z0-9._-]+)+$/.test(value))
      report('API_V1_STR', `"${value}" is not a path such as /api/v1`);
    return value;
  }

  function choice<T extends string>(name: string, fallback: string, choices: Readonly<Record<string, T>>): T {
    const value = choices[text(name, fallback).toLowerCase()];
    if (value !== undefined) return value;
    report(name, `"${text(name, fallback)}" is none of ${Object.keys(choices).join(', ')}`);
    return choices[fallback] as T;
  }

  function metricsHost(): string | null {
    const value = text('METRICS_HOST', '');
    if (value === '') return null;
    if (isIP(value) === 0) report('METRICS_HOST', `"${value}" is not an IP address`);
    return value;
  }

  const env: Env = {
    host: text('HOST', ''),
    port: integer('PORT', 8000, 1, 65535),
    databaseUrl: databaseUrl(),
    secretKeys: secretKeys(),
    allowedHosts: allowedHosts(),
    corsOrigins: corsOrigins(),
    apiPrefix: apiPrefix(),
    projectName: text('PROJECT_NAME', 'Kidney Genetics Database'),
    logLevel: choice('LOG_LEVEL', 'info', logLevels),
    logFormat: choice('LOG_FORMAT', 'json', { json: 'json', text: 'text' } as const),
    version: text('APP_VERSION', 'dev'),
    revision: text('APP_REVISION', 'unknown'),
    metricsPort: integer('METRICS_PORT', 9464, 0, 65535),
    metricsHost: metricsHost(),
    poolMax: integer('PGPOOL_MAX', 10, 1, 100),
    statementTimeoutMs: integer('STATEMENT_TIMEOUT_MS', 5000, 100, 60_000),
    maxConcurrentRequests: integer('MAX_CONCURRENT_REQUESTS', 300, 1, 10_000),
    wsMaxClients: integer('WS_MAX_CLIENTS', 1000, 1, 20_000),
    wsMaxClientsPerAddress: integer('WS_MAX_CLIENTS_PER_ADDRESS', 100, 1, 20_000),
  };
  if (env.port === env.metricsPort) report('METRICS_PORT', `is the same as PORT (${env.port})`);
  if (problems.length > 0) throw new EnvError(problems);

  function anew<T>(first: T, read: () => T): () => T {
    let good = first;
    return () => {
      problems.length = 0;
      const value = read();
      // A file that is half written, or gone: the last good one stays in use.
      if (problems.length === 0) good = value;
      return good;
    };
  }
  const currentUrl = anew(env.databaseUrl, databaseUrl);
  const currentKeys = anew(env.secretKeys, secretKeys);
  return {
    ...env,
    get databaseUrl() {
      return currentUrl();
    },
    get secretKeys() {
      return currentKeys();
    },
  };
}

function parseStringList(raw: string): string[] | null {
  try {
    const value: unknown = JSON.parse(raw);
    return Array.isArray(value) && value.every((item) => typeof item === 'string') ? value : null;
  } catch {
    return null;
  }
}

/** The same database under another name: the one in the address could be taken by a neighbour on a shared network. */
function atHost(databaseUrl: string, host: string): string {
  const url = new URL(databaseUrl);
  url.hostname = host;
  return url.href;
}

/** The message never repeats the value: it holds a password. */
function findDatabaseUrlProblem(value: string): string | null {
  if (!URL.canParse(value)) return 'is not a URL (postgresql://user:password@host:5432/database)';
  const url = new URL(value);
  if (!/^postgres(ql)?:$/.test(url.protocol)) return `starts with ${url.protocol}// instead of postgresql://`;
  const missing = [
    url.username === '' && 'the user',
    url.hostname === '' && !url.searchParams.has('host') && 'the host',
    url.pathname.length < 2 && 'the database',
  ].filter((part) => part !== false);
  return missing.length > 0 ? `lacks ${missing.join(' and ')}` : null;
}
