import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { describe, it, type TestContext } from 'node:test';
import { lockPath, lockStack } from '../lib/process/lock.ts';
import { ROOT } from '../lib/process/root.ts';
import { openPipe, type PipedProcess } from '../lib/process/shell.ts';

const HOLD = `import { lockStack } from './scripts/lib/process/lock.ts';
  try {
    lockStack(process.argv[1], 'make prod-update');
    console.log('held');
    setInterval(() => undefined, 1000);
  } catch (error) { console.log(error.message); }`;

describe('the lock of a stack', () => {
  const prefixOf = (t: TestContext) => `kgt-lock-${process.pid}-${t.name.length}`;

  /** A process that takes the lock, and what it said of it. */
  const startHolder = async (t: TestContext): Promise<{ holder: PipedProcess; said: string }> => {
    const argv = [process.execPath, '--import', 'tsx', '--input-type=module', '-e', HOLD, prefixOf(t)];
    const holder = openPipe(argv, { cwd: ROOT });
    t.after(() => holder.kill('SIGKILL'));
    const { value } = await createInterface(holder.stdout)[Symbol.asyncIterator]().next();
    return { holder, said: String(value) };
  };

  it('names who has it since when to the second one, and is taken over from the dead', async (t) => {
    const { holder, said } = await startHolder(t);
    assert.equal(said, 'held');
    const second = await startHolder(t);
    assert.match(
      second.said,
      /^make prod-update \(pid \d+, \S+\) has been changing kgt-lock-\S+ since \d{4}-\d\d-\d\dT/,
    );
    holder.kill('SIGKILL');
    await holder.ended;
    assert.ok(existsSync(lockPath(prefixOf(t))), 'the dead one could not let go');
    assert.equal((await startHolder(t)).said, 'held');
  });

  const dead: [what: string, text: string][] = [
    ['a process whose number another one has by now', JSON.stringify({ pid: process.pid, started: '1' })],
    ['a file that says nothing', ''],
  ];
  for (const [what, text] of dead) {
    it(`is taken over from ${what}`, (t) => {
      const prefix = prefixOf(t);
      writeFileSync(lockPath(prefix), text);
      lockStack(prefix, 'make prod-up');
      assert.throws(() => lockStack(prefix, 'make prod-up'), /has been changing/, 'it is held now');
    });
  }
});
