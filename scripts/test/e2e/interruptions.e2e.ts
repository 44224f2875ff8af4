import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startScript, TestStack } from './harness.ts';

describe('interrupted and doubled commands', { timeout: 600_000 }, () => {
  let stack: TestStack;

  before(async () => {
    stack = await TestStack.create('int');
    await stack.mustScript('npm-network', ['create']);
  });
  after(() => stack?.dispose());

  /** Starts prod-up and sends SIGINT after a while; gives the exit code. */
  const interruptUp = async (afterMs: number): Promise<number | null> => {
    const { child, ended } = startScript(stack, 'up');
    await sleep(afterMs);
    child.kill('SIGINT');
    return ended;
  };

  for (const ms of [700, 1500, 2500, 4000]) {
    it(`prod-up interrupted after ${ms / 1000} s is completed by the next one`, async () => {
      await stack.destroy();
      await stack.mustScript('npm-network', ['create']);
      const exitCode = await interruptUp(ms);
      // null: the signal came before the command could listen for it, and ended it.
      assert.ok([130, 0, null].includes(exitCode), `exit code ${exitCode}`);
      assert.match(await stack.mustScript('up'), /All healthy|Already up/);
    });
  }

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
