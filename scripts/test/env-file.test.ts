import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { readEnv } from '../../backend/src/env.ts';
import { ROOT } from '../lib/process/root.ts';
import {
  ENV_KEYS,
  fillEnvExample,
  findEnvProblems,
  OPTIONAL_ENV_KEYS,
  parseEnvFile,
} from '../lib/stack/env-rules.ts';

const example = readFileSync(join(ROOT, '.env.production.example'), 'utf8');
const SECRET = 'q'.repeat(43);
const good = parseEnvFile(fillEnvExample(example, () => SECRET));

function problemsWith(change: Record<string, string | undefined>): string[] {
  const values = Object.fromEntries(
    Object.entries({ ...good, ...change }).filter(
      (entry): entry is [string, string] => entry[1] !== undefined,
    ),
  );
  return findEnvProblems(values).map(({ key, problem }) => `${key} ${problem}`);
}

describe('the example env file', () => {
  it('names exactly the keys that are checked', () => {
    assert.deepEqual(Object.keys(parseEnvFile(example)), Object.keys(ENV_KEYS));
  });

  it('shows exactly the optional keys, commented out', () => {
    const shown = [...example.matchAll(/^# ([A-Z0-9_]+)=/gm)].map(([, key]) => key);
    assert.deepEqual(shown.sort(), Object.keys(OPTIONAL_ENV_KEYS).sort());
  });

  it('has no problem once its secrets are filled in', () => {
    assert.deepEqual(problemsWith({}), []);
  });

  it('holds placeholders for both secrets, and so cannot be used as it is', () => {
    const bad = findEnvProblems(parseEnvFile(example)).map(({ key, problem }) => `${key} ${problem}`);
    assert.deepEqual(bad, [
      'POSTGRES_PASSWORD still holds its placeholder',
      'DATABASE_URL still holds its placeholder',
      'SECRET_KEY still holds its placeholder',
    ]);
  });

  it('resolves the one reference to the password', () => {
    assert.equal(
      good.DATABASE_URL,
      `postgresql://kidney_user:${SECRET}@kidney-genetics-postgres:5432/kidney_genetics`,
    );
  });
});

describe('what prod-env and the API both check', () => {
  const table: [key: string, value: string, fine: boolean][] = [
    ['ALLOWED_HOSTS', 'localhost,127.0.0.1,[::1],app.example.org,.example.org,my_host', true],
    ['ALLOWED_HOSTS', '*', true],
    ['ALLOWED_HOSTS', 'localhost,*.example.org', false],
    ['ALLOWED_HOSTS', 'app.example.org:8080', false],
    ['ALLOWED_HOSTS', 'example.org.', false],
    ['ALLOWED_HOSTS', 'https://example.org', false],
    ['BACKEND_CORS_ORIGINS', '["https://example.org","http://localhost:3000"]', true],
    ['BACKEND_CORS_ORIGINS', '["https://example.org/"]', false],
    ['BACKEND_CORS_ORIGINS', '["*"]', false],
    ['BACKEND_CORS_ORIGINS', '{}', false],
    ['API_V1_STR', '/', false],
    ['LOG_LEVEL', 'WARNING', true],
    ['LOG_LEVEL', 'loud', false],
  ];
  for (const [key, value, fine] of table) {
    it(`${key}=${value} is ${fine ? 'fine' : 'refused'} by both`, () => {
      assert.equal(problemsWith({ [key]: value }).length, fine ? 0 : 1);
      const start = () => readEnv({ ...good, [key]: value }, () => '');
      if (fine) start();
      else assert.throws(start, new RegExp(key));
    });
  }
});

describe('each problem of an env file', () => {
  const table: [string, Record<string, string | undefined>, string[]][] = [
    ['a key that is missing', { LOG_LEVEL: undefined }, ['LOG_LEVEL is missing']],
    ['an empty value', { SECRET_KEY: '' }, ['SECRET_KEY is missing']],
    [
      'a short password',
      {
        POSTGRES_PASSWORD: 'short',
        DATABASE_URL: 'postgresql://kidney_user:short@kidney-genetics-postgres/kidney_genetics',
      },
      ['POSTGRES_PASSWORD is shorter than 20 characters'],
    ],
    ['a short key', { SECRET_KEY: 'x'.repeat(31) }, ['SECRET_KEY is shorter than 32 characters']],
    [
      'a dollar sign',
      { PROJECT_NAME: 'Kidney$' },
      ['PROJECT_NAME holds a $, which Compose would interpolate'],
    ],
    ['a typo in a key', { LOG_LEVLE: 'INFO' }, ['LOG_LEVLE is not a known key; did you mean LOG_LEVEL?']],
    ['a wrong word', { LOG_FORMAT: 'xml' }, ['LOG_FORMAT must be one of JSON, TEXT']],
    [
      'origins that are no list',
      { BACKEND_CORS_ORIGINS: 'https://a.example' },
      ['BACKEND_CORS_ORIGINS must be a JSON list of origins, such as [] or ["https://example.org"]'],
    ],
    [
      'a URL that disagrees with its parts',
      { DATABASE_URL: `postgresql://other:${'z'.repeat(43)}@h:5432/elsewhere` },
      [
        'DATABASE_URL must name the host kidney-genetics-postgres',
        'DATABASE_URL has another user than POSTGRES_USER',
        'DATABASE_URL has another password than POSTGRES_PASSWORD',
        'DATABASE_URL has another database than POSTGRES_DB',
      ],
    ],
    [
      'a bucket that is none',
      { BACKUP_REMOTE: '/mnt/disk' },
      ['BACKUP_REMOTE must be s3://bucket or s3://bucket/prefix'],
    ],
    [
      'a private key in the place of a public one',
      { BACKUP_AGE_RECIPIENT: 'AGE-SECRET-KEY-1QQQQQQQQQQQQQQQQQQQQ' },
      ['BACKUP_AGE_RECIPIENT must be age public keys (age1...), separated by commas'],
    ],
    [
      'an address of the API that nginx does not pass on',
      { API_V1_STR: '/v2' },
      ['API_V1_STR must be /api/v1, as nginx and the page have it'],
    ],
    ['no backup at all kept', { BACKUP_KEEP_DAILY: '0' }, ['BACKUP_KEEP_DAILY must be 1 or more']],
    ['an optional key without a value', { BACKUP_PING_URL: '' }, []],
    [
      'a typo in an optional key',
      { BACKUP_REMOT: 's3://bucket' },
      ['BACKUP_REMOT is not a known key; did you mean BACKUP_REMOTE?'],
    ],
    ['a URL that is none', { DATABASE_URL: 'nonsense' }, ['DATABASE_URL is not a URL']],
    [
      'the superuser as the app',
      {
        POSTGRES_USER: 'postgres',
        DATABASE_URL: `postgresql://postgres:${SECRET}@kidney-genetics-postgres/kidney_genetics`,
      },
      ['POSTGRES_USER must not be the superuser postgres'],
    ],
  ];
  for (const [name, change, expected] of table) {
    it(`${name}`, () => assert.deepEqual(problemsWith(change), expected));
  }

  it('leaves an unknown key that is near none alone', () => {
    assert.deepEqual(problemsWith({ COMPANY_SETTING: 'x' }), []);
  });

  it('reports a file that others may read and one that git tracks', () => {
    const found = findEnvProblems(good, { mode: 0o644, trackedByGit: true }).map(({ problem }) => problem);
    assert.deepEqual(found, [
      'is readable by others (mode 644): chmod 600',
      'is tracked by git: git rm --cached it and change its secrets',
    ]);
  });
});
