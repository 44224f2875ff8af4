import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EnvError, readEnv } from '../../src/env.ts';

const good = {
  DATABASE_URL: 'postgresql://kidney_user:a-password@db:5432/kidney_genetics',
  SECRET_KEY: 'k'.repeat(32),
};
const noFiles = (path: string): string => {
  throw new Error(`ENOENT: no such file or directory, open '${path}'`);
};

function problemsOf(source: Record<string, string>, readFile = noFiles): readonly string[] {
  try {
    readEnv(source, readFile);
    return [];
  } catch (error) {
    assert.ok(error instanceof EnvError);
    return error.problems;
  }
}

test('the smallest environment has sensible defaults', () => {
  const env = readEnv(good, noFiles);
  assert.deepEqual(
    { ...env, databaseUrl: '' },
    {
      host: '',
      port: 8000,
      databaseUrl: '',
      secretKeys: ['k'.repeat(32)],
      allowedHosts: ['localhost', '127.0.0.1'],
      corsOrigins: [],
      apiPrefix: '/api/v1',
      projectName: 'Kidney Genetics Database',
      logLevel: 'info',
      logFormat: 'json',
      version: 'dev',
      revision: 'unknown',
      metricsPort: 9464,
      metricsHost: null,
      poolMax: 10,
      statementTimeoutMs: 5000,
      maxConcurrentRequests: 300,
      wsMaxClients: 1000,
      wsMaxClientsPerAddress: 100,
    },
  );
});

test('all problems are reported at once, each by its name', () => {
  const problems = problemsOf({
    DATABASE_URL: 'mysql://db',
    SECRET_KEY: 'short',
    SECRET_KEY_PREVIOUS: 'also short',
    PORT: '80 00',
    ALLOWED_HOSTS: 'https://example.org,example.org',
    BACKEND_CORS_ORIGINS: '["https://example.org/app"]',
    API_V1_STR: 'api v1',
    LOG_LEVEL: 'LOUD',
    LOG_FORMAT: 'xml',
    METRICS_HOST: 'localhost',
    PGPOOL_MAX: '0',
  });
  assert.deepEqual(problems, [
    'PORT: "80 00" is not a whole number from 1 to 65535',
    'DATABASE_URL: starts with mysql:// instead of postgresql://',
    'SECRET_KEY: has 5 characters, at least 32 are needed (openssl rand -hex 32)',
    'SECRET_KEY_PREVIOUS: has 10 characters, at least 32 are needed (openssl rand -hex 32)',
    'ALLOWED_HOSTS: "https://example.org" is not a host name (no scheme, port or path)',
    'BACKEND_CORS_ORIGINS: "https://example.org/app" is not an origin, such as https://app.example.org',
    'API_V1_STR: "api v1" is not a path such as /api/v1',
    'LOG_LEVEL: "LOUD" is none of debug, info, warning, warn, error',
    'LOG_FORMAT: "xml" is none of json, text',
    'METRICS_HOST: "localhost" is not an IP address',
    'PGPOOL_MAX: "0" is not a whole number from 1 to 100',
  ]);
});

test('an empty environment asks for what has no default', () => {
  assert.deepEqual(problemsOf({}), [
    'DATABASE_URL: is missing (postgresql://user:password@host:5432/database)',
    'SECRET_KEY: is missing (openssl rand -hex 32 makes one)',
  ]);
});

test('secrets come from files, without the newline an editor leaves', () => {
  const files: Record<string, string> = {
    '/run/secrets/url': `${good.DATABASE_URL}\n`,
    '/run/secrets/key': `${'x'.repeat(40)}\n`,
  };
  const env = readEnv(
    {
      DATABASE_URL_FILE: '/run/secrets/url',
      SECRET_KEY_FILE: '/run/secrets/key',
      SECRET_KEY_PREVIOUS: 'y'.repeat(40),
    },
    (path) => files[path] ?? noFiles(path),
  );
  assert.equal(env.databaseUrl, good.DATABASE_URL);
  assert.deepEqual(env.secretKeys, ['x'.repeat(40), 'y'.repeat(40)]);
});

test('an unreadable, an empty and a doubled secret are told apart', () => {
  assert.deepEqual(
    problemsOf({ ...good, SECRET_KEY_FILE: '/run/secrets/key' }, () => '\n'),
    [
      'SECRET_KEY: is set, and so is SECRET_KEY_FILE: keep one of them',
      'SECRET_KEY_FILE: /run/secrets/key is empty',
    ],
  );
  assert.deepEqual(problemsOf({ DATABASE_URL: good.DATABASE_URL, SECRET_KEY_FILE: '/gone' }), [
    "SECRET_KEY_FILE: cannot read /gone: ENOENT: no such file or directory, open '/gone'",
  ]);
});

test('a message about the database address never holds its password', () => {
  for (const url of [
    'postgresql://user:hunter2hunter2@',
    'user:hunter2hunter2@db/x',
    'postgresql://user:hunter2hunter2@db',
  ]) {
    const problems = problemsOf({ ...good, DATABASE_URL: url });
    assert.equal(problems.length, 1, url);
    assert.doesNotMatch(problems.join(), /hunter2/);
  }
});

test('levels are read in any case', () => {
  assert.equal(readEnv({ ...good, LOG_LEVEL: 'WARNING' }, noFiles).logLevel, 'warn');
  assert.equal(readEnv({ ...good, LOG_LEVEL: 'debug' }, noFiles).logLevel, 'debug');
});

test('host names may be wildcards and IPv6 addresses', () => {
  const hosts = readEnv(
    { ...good, ALLOWED_HOSTS: ' Genes.Example.org, .lab.example.org,[::1],* ' },
    noFiles,
  ).allowedHosts;
  assert.deepEqual(hosts, ['genes.example.org', '.lab.example.org', '[::1]', '*']);
});

test('a secret that a rotation replaces is read anew, and never one that is half written', () => {
  const url = (password: string) => `postgresql://kidney_user:${password}@db:5432/kidney_genetics`;
  const files: Record<string, string> = {
    '/url': url('old'),
    '/key': 'o'.repeat(32),
    '/before': 'b'.repeat(32),
  };
  const source = { DATABASE_URL_FILE: '/url', SECRET_KEY_FILE: '/key', SECRET_KEY_PREVIOUS_FILE: '/before' };
  const env = readEnv(source, (path) => files[path] ?? noFiles(path));
  files['/url'] = url('new');
  files['/before'] = 'o'.repeat(32);
  files['/key'] = 'n'.repeat(32);
  assert.equal(env.databaseUrl, url('new'));
  assert.deepEqual(env.secretKeys, ['n'.repeat(32), 'o'.repeat(32)]);
  files['/url'] = '';
  files['/key'] = 'short';
  assert.equal(env.databaseUrl, url('new'));
  assert.deepEqual(env.secretKeys, ['n'.repeat(32), 'o'.repeat(32)]);
});

test('the database is asked for by the name that the stack gives it, with all else as its address says', () => {
  const DATABASE_URL =
    'postgresql://kidney_user:p%40ss@kidney-genetics-postgres:5432/kidney_genetics?sslmode=disable';
  const source = { DATABASE_URL, SECRET_KEY: 'k'.repeat(32), DATABASE_HOST: 'of-its-own-1f' };
  assert.equal(
    readEnv(source, noFiles).databaseUrl,
    DATABASE_URL.replace('kidney-genetics-postgres', 'of-its-own-1f'),
  );
});
