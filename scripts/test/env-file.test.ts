import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { readEnv } from '../../backend/src/env.ts';
import { ROOT } from '../lib/process/root.ts';
import {
  ENV_KEYS,
  fillEnvExample,
  findDoubts,
  findEnvProblems,
  OPTIONAL_ENV_KEYS,
  parseGiven,
  settingChanges,
} from '../lib/stack/env-rules.ts';
import { changeEnvText, readEnvText } from '../lib/stack/env-text-rules.ts';

const example = readFileSync(join(ROOT, '.env.production.example'), 'utf8');
const SECRET = 'q'.repeat(43);
const good = readEnvText(fillEnvExample(example, () => SECRET)).values;

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
    assert.deepEqual(Object.keys(readEnvText(example).values), Object.keys(ENV_KEYS));
  });

  it('shows exactly the optional keys, commented out', () => {
    const shown = [...example.matchAll(/^# ([A-Z0-9_]+)=/gm)].map(([, key]) => key);
    assert.deepEqual(shown.sort(), Object.keys(OPTIONAL_ENV_KEYS).sort());
  });

  it('has no problem once its secrets are filled in', () => {
    assert.deepEqual(problemsWith({}), []);
  });

  it('holds placeholders for both secrets, and so cannot be used as it is', () => {
    const bad = findEnvProblems(readEnvText(example).values).map(({ key, problem }) => `${key} ${problem}`);
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

/** What Compose makes of an env file, by way of the one place where it shows values: an interpolated file. */
function readByCompose(text: string): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'env-text-'));
  try {
    writeFileSync(
      join(folder, 'compose.yml'),
      `services: { a: { image: x, environment: { V: "${'$'}{V-(unset)}" } } }`,
    );
    writeFileSync(join(folder, 'env'), text);
    const argv = ['compose', '-f', 'compose.yml', '--env-file', 'env', 'config', '--format', 'json'];
    const { V: _, ...env } = process.env;
    const { stdout } = spawnSync('docker', argv, { cwd: folder, env, encoding: 'utf8' });
    const read = JSON.parse(stdout || '{}') as { services?: { a: { environment: { V: string } } } };
    return read.services?.a.environment.V;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe('the grammar of the env file', () => {
  const accepted: [text: string, value: string][] = [
    ['V=a#b', 'a#b'],
    ['V=a #b', 'a'],
    ['V = a', 'a'],
    ['export V=a', 'a'],
    [' V=a  ', 'a'],
    ['\ufeffV=a', 'a'],
    ['V=a\r\nW=b\r\n', 'a'],
    ['V="a # b" # c', 'a # b'],
    ["V='a b'", 'a b'],
    ['V=', ''],
    ['V=""', ''],
    ['V=["https://a.example"]', '["https://a.example"]'],
    ["V=it's", "it's"],
    ['# V=b\n\nV=a', 'a'],
  ];
  for (const [text, value] of accepted) {
    it(`reads ${JSON.stringify(text)} as Compose does`, () => {
      assert.deepEqual(readEnvText(text).problems, []);
      assert.equal(readEnvText(text).values.V, value);
      assert.equal(readByCompose(text), value);
    });
  }

  const refused: [text: string, key: string, problem: RegExp][] = [
    ['V=a\nV=b', 'V', /^\(line 2\) is given again, first in line 1$/],
    ['V', 'line 1', /^is no comment and no KEY=value$/],
    ['W=1\nV: a', 'line 2', /^is no comment/],
    ['V="a', 'V', /^\(line 1\) has a quote that does not end/],
    ['V="a"b', 'V', /quote/],
    ["V='a'b", 'V', /quote/],
    ['V="a\nb"', 'V', /quote/],
    ['V=#a', 'V', /begins with #/],
    ['V= # nothing', 'V', /begins with #/],
    ['V=a\\nb', 'V', /backslash/],
    ['V=a\t#b', 'V', /tab/],
    ['V=a\u0000b', 'V', /no editor shows/],
    ['V=a\rW=b', 'V', /no editor shows/],
    ['V=a\ufffdb', 'V', /no editor shows/],
    ['V=$HOME', 'V', /\$/],
    ["V='$HOME'", 'V', /\$/],
  ];
  for (const [text, key, problem] of refused) {
    it(`refuses ${JSON.stringify(text)} by name and line`, () => {
      const [found] = readEnvText(text).problems;
      assert.equal(found?.key, key);
      assert.match(found?.problem ?? '', problem);
    });
  }

  it('writes what it then reads, in place of what was there or at the end, and keeps the rest', () => {
    const text = '# a\nexport V = old # why\r\nW=1';
    for (const value of ['new', 'two words', 'a#b', '["x y"]', "it's", '']) {
      const changed = changeEnvText(text, { V: value, X: value });
      assert.deepEqual(readEnvText(changed), { values: { V: value, W: '1', X: value }, problems: [] });
      assert.equal(readByCompose(changed), value);
    }
    assert.deepEqual(readEnvText(changeEnvText(text, { V: undefined })).values, { W: '1' });
    assert.throws(() => changeEnvText(text, { V: 'a\nW=2' }), /V would not be read back/);
    assert.throws(() => changeEnvText(text, { V: `"'` }), /V would not be read back/);
  });
});

describe('settings that prod-env is given', () => {
  it('names a domain to the API as well, unless it answers to it already', () => {
    const hosts = 'localhost';
    assert.deepEqual(settingChanges({ DOMAIN: 'a.example' }, { ALLOWED_HOSTS: hosts }), {
      DOMAIN: 'a.example',
      ALLOWED_HOSTS: 'localhost,a.example',
    });
    assert.deepEqual(settingChanges({ DOMAIN: 'a.b.example' }, { ALLOWED_HOSTS: '.b.example' }), {
      DOMAIN: 'a.b.example',
    });
    assert.deepEqual(settingChanges({ DOMAIN: 'a' }, { ALLOWED_HOSTS: 'a', DOMAIN: 'a' }), {});
  });

  const given: [words: string[], found: RegExp | Record<string, string>][] = [
    [['DOMAIN=a.example', 'STACK_PREFIX=staging'], { DOMAIN: 'a.example', STACK_PREFIX: 'staging' }],
    [['PROJECT_NAME=My Genes'], { PROJECT_NAME: 'My Genes' }],
    [['DOMAIN=https://a.example'], /^DOMAIN must be one host name/],
    [['STACK_PREFIX=A'], /^STACK_PREFIX must have small letters/],
    [['SECRET_KEY=x'], /^SECRET_KEY is a secret/],
    [['DOMIAN=a'], /^DOMIAN is no setting/],
    [['nonsense'], /^nonsense is no setting/],
  ];
  for (const [words, expected] of given) {
    it(words.join(' '), () => {
      const parsed = parseGiven(words);
      if (expected instanceof RegExp) assert.match('problem' in parsed ? parsed.problem : '', expected);
      else assert.deepEqual(parsed, { given: expected });
    });
  }

  it('tells what may not be meant', () => {
    assert.deepEqual(
      findDoubts({ ...good, DOMAIN: 'a.example', SECRET_KEY: randomKey(), POSTGRES_PASSWORD: randomKey() }),
      [],
    );
    assert.match(
      findDoubts({ ...good, ALLOWED_HOSTS: '*' }).join('\n'),
      /^No DOMAIN[\s\S]*ALLOWED_HOSTS=\*[\s\S]*POSTGRES_PASSWORD repeats/,
    );
    assert.deepEqual(problemsWith({ DOMAIN: 'a.example' }), [
      'ALLOWED_HOSTS does not have a.example, which is the DOMAIN',
    ]);
  });
});

function randomKey(): string {
  return randomBytes(32).toString('base64url');
}
