import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { DescribedError } from '../lib/process/errors.ts';
import { $, listRunning, must, mustRun, openPipe, run } from '../lib/process/shell.ts';

it("a process started by a timer or over ssh sees nothing of the user's ~/.bashrc", async () => {
  const home = await mkdtemp(join(tmpdir(), 'home-'));
  try {
    await writeFile(join(home, '.bashrc'), 'echo welcome; export GREETED=1\n');
    const env = { HOME: home, SHLVL: '0' };
    assert.equal((await run(['cat'], { env, input: 'data' })).stdout, 'data');
    assert.equal((await run(['printenv', 'GREETED'], { env, input: 'data' })).stdout, '');
  } finally {
    await rm(home, { recursive: true });
  }
});

it('a process that ends before it has read its input is no fault of ours', async () => {
  const input = 'x'.repeat(1_000_000);
  assert.equal((await run(['true'], { input })).exitCode, 0);
  assert.equal((await run(['false'], { input })).exitCode, 1);
});

describe('a process that ends by a signal', () => {
  for (const [signal, code] of [
    ['KILL', 137],
    ['TERM', 143],
    ['INT', 130],
    ['SEGV', 139],
  ] as const) {
    it(`keeps its number: SIG${signal} is ${code}`, async () => {
      const argv = ['sh', '-c', `kill -${signal} $$`];
      assert.equal((await run(argv)).exitCode, code);
      assert.equal((await openPipe(argv).ended).exitCode, code);
      await assert.rejects(mustRun(argv, 'x'), { message: `sh -c $'kill failed (exit ${code})` });
    });
  }

  it('may be one that could not be started', async () => {
    assert.equal((await run(['no-such-program'])).exitCode, 127);
    assert.equal((await openPipe(['no-such-program']).ended).exitCode, 127);
  });
});

describe('a command as a template', () => {
  it('gets each value as one argument, an array as many', async () => {
    const odd = `a b; $(id) 'c' "d"\n--`;
    assert.equal((await $`printf %s, ${odd} ${['x y', '$HOME']}`).stdout, `${odd},x y,$HOME,`);
  });

  it('adds to the environment, sees no input and is known while it runs', async () => {
    const running = $({ env: { SECRET: 's3cret' } })`sh -c ${'cat; echo "$SECRET"; test -n "$PATH"'}`;
    assert.deepEqual(listRunning(), ["sh -c $'cat;"]);
    assert.equal(await must(running, 'x'), 's3cret\n');
    assert.deepEqual(listRunning(), []);
  });

  it('that fails is one sentence, with what helps', async () => {
    const failing = must($`sh -c ${'echo gone >&2; exit 3'}`, 'make prod-up');
    await assert.rejects(failing, (error) => {
      assert.ok(error instanceof DescribedError);
      assert.deepEqual([error.message, error.hint], ["sh -c $'echo failed (exit 3): gone", 'make prod-up']);
      return true;
    });
  });
});
