import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { commandArgv } from '../lib/process/command.ts';
import { ROOT } from '../lib/process/root.ts';
import { $, run } from '../lib/process/shell.ts';

const start = (...flags: string[]) => {
  const argv = commandArgv('test/fixtures/abandoned', flags);
  return run(argv, { cwd: ROOT });
};

describe('a command that nothing keeps alive', () => {
  it('goes on until what it waits for has come', async () => {
    const { exitCode, stdout } = await start();
    assert.deepEqual([exitCode, stdout], [0, 'done\n']);
  });

  it('fails, and says so, when that does not come', async () => {
    const { exitCode, stdout, stderr } = await start('--never');
    assert.deepEqual([exitCode, stdout], [1, '']);
    assert.match(stderr, /Its work is not done, but nothing goes on any more; it waits for no process/);
  });
});

it('a command whose reader goes finishes its work', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'reader-'));
  try {
    const argv = commandArgv('test/fixtures/abandoned', ['--file', join(folder, 'file')]);
    const { exitCode } = await $({ cwd: ROOT, nothrow: true })`${argv} | head -1`;
    assert.equal(exitCode, 0);
    assert.equal(readFileSync(join(folder, 'file'), 'utf8'), 'done');
  } finally {
    rmSync(folder, { recursive: true });
  }
});
