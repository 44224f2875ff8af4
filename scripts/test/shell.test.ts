import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { run } from '../lib/process/shell.ts';

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
