import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { run } from '../../lib/process/shell.ts';
import { TestStack } from './harness.ts';
import { npmLikeName, startNpmLike } from './npm-like.ts';
import { changeImage } from './update-users.ts';

const PRODUCTION = 'production.example';
const STAGING = 'staging.example';

/** Asks both domains by turns; a stack refuses the other one's domain, so that 200 says who answered. */
const ASK = (proxy: string, count: number, pauseMs: number) => `
  import { request } from 'node:http';
  const ask = (host) => new Promise((resolve) => {
    const asked = request({ host: '${proxy}', path: '/api/health', headers: { host }, agent: false }, (answer) => {
      answer.resume(); answer.on('end', () => resolve(answer.statusCode));
    });
    asked.on('error', (error) => resolve(error.message)); asked.end();
  });
  const seen = {};
  for (let i = 0; i < ${count}; i += 1) for (const host of ['${PRODUCTION}', '${STAGING}']) {
    const key = host + ' ' + (await ask(host));
    seen[key] = (seen[key] ?? 0) + 1;
    await new Promise((resolve) => setTimeout(resolve, ${pauseMs}));
  }
  console.log(JSON.stringify(seen));`;

describe('production and staging behind one proxy, on one network', { timeout: 600_000 }, () => {
  let production: TestStack;
  let staging: TestStack;

  before(async () => {
    production = await TestStack.create('two-p', { DOMAIN: PRODUCTION });
    staging = await TestStack.create('two-s', { DOMAIN: STAGING, NPM_NETWORK: production.settings.network });
    await production.mustScript('npm-network', ['create']);
    await production.mustScript('up');
    await staging.mustScript('up');
    await startNpmLike(production, [], {
      [PRODUCTION]: production.name('frontend'),
      [STAGING]: staging.name('frontend'),
    });
  });
  after(async () => {
    await staging?.dispose();
    await production?.dispose();
  });

  const ask = async (count = 100, pauseMs = 0): Promise<Record<string, number>> => {
    const code = ASK(npmLikeName(production), count, pauseMs);
    const argv = ['docker', 'run', '--rm', '--network', production.settings.network];
    const { stdout } = await run([
      ...argv,
      `${production.name('backend')}:latest`,
      'node',
      '--input-type=module',
      '-e',
      code,
    ]);
    return JSON.parse(stdout || '{}') as Record<string, number>;
  };
  const all = (count = 100) => ({ [`${PRODUCTION} 200`]: count, [`${STAGING} 200`]: count });

  it('answer to their own domain each, 100 of 100, and no name leads to both', async () => {
    assert.deepEqual(await ask(), all());
    const code = `const { resolve4 } = await import('node:dns/promises');
      console.log((await Promise.all(${JSON.stringify([production, staging].flatMap((one) => [one.name('frontend'), one.name('backend')]))}.map((name) => resolve4(name)))).flat().join(' '));`;
    const { stdout } = await production.nodeOn(production.settings.network, code);
    assert.equal(new Set(stdout.trim().split(' ')).size, 4, stdout);
  });

  it('do so after restarts, and started in the other order', async () => {
    await staging.mustScript('restart');
    await production.mustScript('down');
    const seen = await ask(20);
    assert.deepEqual(
      [seen[`${STAGING} 200`], seen[`${PRODUCTION} 200`]],
      [20, undefined],
      JSON.stringify(seen),
    );
    await production.mustScript('up');
    await production.mustScript('restart');
    await new Promise((resolve) => setTimeout(resolve, 11_000));
    assert.deepEqual(await ask(), all());
  });

  it('do so while either is updated', async () => {
    for (const stack of [staging, production]) {
      await changeImage(stack, 'backend', `newer-${stack.settings.prefix}`);
      let updating = true;
      const updated = stack.script('update', ['--no-build', '--no-backup']).finally(() => {
        updating = false;
      });
      while (updating) assert.deepEqual(await ask(40, 20), all(40));
      const { exitCode, stderr } = await updated;
      assert.equal(exitCode, 0, stderr);
      assert.doesNotMatch(stderr, /^\(node:\d+\)/m, 'a warning of Node');
    }
  });
});
