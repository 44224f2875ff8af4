import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { ContainerInfo } from '../lib/docker/containers.ts';
import { checkoutOf, findForeign, listStacks } from '../lib/stack/checkout-rules.ts';
import { composeEnv } from '../lib/stack/compose-env.ts';
import { readEnvText } from '../lib/stack/env-text-rules.ts';
import { readSettings } from '../lib/stack/stack.ts';
import { makeEnvFile } from '../prod-env.ts';

const settings = readSettings({ STACK_PREFIX: 'shop' }, '/srv/kit/.env.production');

/** Runs something while this process has other variables. */
async function withVariables<T>(variables: Record<string, string>, work: () => T | Promise<T>): Promise<T> {
  const before = { ...process.env };
  Object.assign(process.env, variables);
  try {
    return await work();
  } finally {
    for (const key of Object.keys(variables)) delete process.env[key];
    Object.assign(process.env, before);
  }
}

describe('the environment of Compose', () => {
  const foreign = [
    'ALLOWED_HOSTS',
    'POSTGRES_DB',
    'PROJECT_NAME',
    'COMPOSE_FILE',
    'COMPOSE_PROFILES',
    'IMAGE_TAG',
  ];
  const needed = ['PATH', 'HOME', 'DOCKER_HOST', 'DOCKER_CONFIG', 'https_proxy', 'SSH_AUTH_SOCK', 'LC_ALL'];
  const given = Object.fromEntries([...foreign, ...needed].map((key) => [key, `of the shell: ${key}`]));

  it('takes out what another app’s shell holds, and Compose’s own switches', async () => {
    const env = await withVariables(given, () => composeEnv('production', settings));
    for (const key of foreign) assert.ok(key in env && env[key] === undefined, key);
  });

  it('leaves what a program of Docker needs', async () => {
    const env = await withVariables(given, () => composeEnv('production', settings));
    for (const key of needed) assert.ok(!(key in env), key);
  });

  it('has the names of the settings and the variables that are given, whatever the shell says', async () => {
    const shell = { STACK_PREFIX: 'other', STACK_MODE: 'test', IMAGE_TAG: 'old' };
    const env = await withVariables(shell, () => composeEnv('production', settings, { IMAGE_TAG: 'new' }));
    assert.deepEqual([env.STACK_PREFIX, env.STACK_MODE, env.IMAGE_TAG], ['shop', 'production', 'new']);
  });
});

describe('the checkout of a stack', () => {
  const real = (folder: string) =>
    ({ '/srv/kit': '/srv/kit', '/link': '/srv/kit', '/srv/other': '/srv/other' })[folder];
  const cases: [folders: (string | undefined)[], foreign: string | undefined][] = [
    [[], undefined],
    [['/srv/kit', ''], undefined],
    [['/link', undefined], undefined],
    [['/srv/gone'], undefined],
    [['/srv/gone', '/srv/other'], '/srv/other'],
    [['/srv/kit', '/srv/other'], '/srv/other'],
  ];
  for (const [folders, foreign] of cases)
    it(`${foreign ? 'is another one' : 'is this one'}: ${folders.join(', ') || 'nothing runs'}`, () =>
      assert.equal(findForeign(folders, real, '/srv/kit'), foreign));

  it('is the one in which the compose files lie, the proxy’s as well', () => {
    assert.equal(checkoutOf('/srv/kit/deploy'), '/srv/kit');
    assert.equal(checkoutOf('/srv/kit/deploy/npm'), '/srv/kit');
    assert.equal(checkoutOf(''), '');
  });
});

describe('the list of stacks', () => {
  const container = (project: string, health: string, folder: string) =>
    ({
      project,
      health,
      mode: 'production',
      labels: { 'com.docker.compose.project.working_dir': folder },
    }) as unknown as ContainerInfo;
  const whole = (project: string, folder: string) =>
    ['healthy', 'healthy', 'healthy'].map((health) => container(project, health, folder));

  it('has a line a stack: how it is, its domain, its checkout', () => {
    const all = [...whole('one', '/srv/one/deploy'), container('two', 'starting', '/srv/two/deploy')];
    const domains: Record<string, string> = { '/srv/one': 'genes.example.org' };
    assert.deepEqual(
      listStacks(all, (checkout) => domains[checkout]),
      [
        {
          name: 'one',
          mode: 'production',
          state: 'healthy',
          domain: 'genes.example.org',
          checkout: '/srv/one',
        },
        {
          name: 'two',
          mode: 'production',
          state: '0 of 3 healthy',
          domain: '-',
          checkout: '/srv/two (gone)',
        },
      ],
    );
    assert.deepEqual(
      listStacks([], () => ''),
      [],
    );
  });
});

describe('a new env file', () => {
  it('has fresh secrets, is its owner’s, and keeps the settings of the shell; those that are given go before', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'prod-env-'));
    try {
      const shell = { STACK_PREFIX: 'of-shell', NPM_NETWORK: 'of-shell', POSTGRES_DB: 'of_shell' };
      const [one, two] = [join(folder, 'one'), join(folder, 'two')];
      await withVariables(shell, () => makeEnvFile(one, { STACK_PREFIX: 'given', DOMAIN: 'a.example' }));
      await withVariables(shell, () => makeEnvFile(two));
      const [first, second] = [one, two].map((path) => readEnvText(readFileSync(path, 'utf8')).values);
      assert.equal(statSync(one).mode & 0o777, 0o600);
      assert.deepEqual(
        [first?.STACK_PREFIX, first?.NPM_NETWORK, first?.POSTGRES_DB, first?.DOMAIN],
        ['given', 'of-shell', 'kidney_genetics', 'a.example'],
      );
      assert.match(first?.ALLOWED_HOSTS ?? '', /(^|,)a\.example(,|$)/);
      for (const key of ['POSTGRES_PASSWORD', 'SECRET_KEY']) {
        assert.match(first?.[key] ?? '', /^[\w-]{43}$/);
        assert.notEqual(first?.[key], second?.[key]);
      }
      await assert.rejects(makeEnvFile(one), 'it is never written over');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
