import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { after, describe, it } from 'node:test';
import { ROOT } from '../lib/process/root.ts';
import { runTestFiles } from './run-files.ts';

describe('test files', () => {
  const folder = mkdtempSync(join(tmpdir(), 'run-files-'));
  after(() => rmSync(folder, { recursive: true }));

  const file = (name: string, code: string): string => {
    const path = join(folder, name);
    writeFileSync(path, code);
    return relative(ROOT, path);
  };

  it('that fail or hang are named, and the others are run all the same', async () => {
    const passes = file('passes.mjs', '');
    const fails = file('fails.mjs', 'process.exit(3)');
    const hangs = file('hangs.mjs', 'setInterval(() => undefined, 1000)');
    const alone = file('alone.mjs', '// Alone: for this test\nprocess.exit(Number(process.env.CODE))');
    const runs = { argv: [process.execPath], env: { CODE: '4' }, limitMs: 2000, alone: false };
    assert.deepEqual(await runTestFiles([hangs, fails, alone, passes], runs), [fails, hangs, alone]);
    assert.deepEqual(await runTestFiles([passes], runs), []);
  });
});
