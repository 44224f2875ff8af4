import assert from 'node:assert/strict';
import { readFileSync, rmSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { run } from '../../lib/process/shell.ts';
import { hangupLog } from '../../lib/terminal/signals.ts';
import { startScript, TestStack, until } from './harness.ts';

describe('interrupted and doubled commands', { timeout: 600_000 }, () => {
  let stack: TestStack;

  before(async () => {
    stack = await TestStack.create('int');
    await stack.mustScript('npm-network', ['create']);
  });
  after(() => stack?.dispose());

  /** What the engine shows of a prod-up that is under way, from its first step to its last. */
  const moments: Record<string, () => string[]> = {
    'the network is made': () => ['network', 'inspect', `${stack.settings.prefix}-internal`],
    'the database is made': () => ['container', 'inspect', stack.name('postgres')],
    'the database runs': () => ['exec', stack.name('postgres'), 'true'],
    'the page runs': () => ['exec', stack.name('frontend'), 'true'],
  };

  for (const [moment, argv] of Object.entries(moments)) {
    it(`prod-up interrupted when ${moment} is completed by the next one`, async () => {
      await stack.destroy();
      await stack.mustScript('npm-network', ['create']);
      const { child, ended } = startScript(stack, 'up');
      await until(moment, 60_000, async () => (await run(['docker', ...argv()])).exitCode === 0, 20);
      child.kill('SIGINT');
      assert.equal(await ended, 130);
      assert.match(await stack.mustScript('up'), /All healthy|Already up/);
    });
  }

  it('prod-up whose terminal is closed goes on to its end, and says so in a log', async () => {
    await stack.destroy();
    await stack.mustScript('npm-network', ['create']);
    const { child, ended } = startScript(stack, 'up');
    const argv = ['container', 'inspect', stack.name('postgres')];
    await until(
      'the database is made',
      60_000,
      async () => (await run(['docker', ...argv])).exitCode === 0,
      20,
    );
    child.kill('SIGHUP');
    assert.equal(await ended, 0);
    const log = hangupLog(stack.settings.prefix);
    assert.match(
      readFileSync(log, 'utf8'),
      /^\S+ The terminal was closed; .*\n[\s\S]*All healthy[\s\S]*\n\S+ Done\n$/,
    );
    rmSync(log);
    assert.match(await stack.mustScript('up'), /Already up and unchanged/);
  });

  it('of two prod-up at once one works and the other says who is at it', async () => {
    await stack.destroy();
    await stack.mustScript('npm-network', ['create']);
    const results = await Promise.all([stack.script('up'), stack.script('up')]);
    const codes = results.map(({ exitCode }) => exitCode).sort();
    assert.deepEqual(codes, [0, 1], results.map(({ stderr }) => stderr).join('\n'));
    const loser = results.find(({ exitCode }) => exitCode === 1);
    assert.match(loser?.stderr ?? '', /make prod-up \(pid \d+, .*\) has been changing \S+-int since/);
    assert.match(await stack.mustScript('up'), /Already up and unchanged/);
  });
});
