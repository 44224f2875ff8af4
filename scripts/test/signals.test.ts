import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { commandArgv } from '../lib/process/command.ts';
import { ROOT } from '../lib/process/root.ts';
import { hangupLog } from '../lib/terminal/signals.ts';

const BEGUN = 'SIGINT: stopped. Nothing is lost; the same command carries on from here.';
const NOT_BEGUN = 'SIGINT: stopped before anything was changed';

describe('a command that is told to stop', () => {
  const name = `kgt-signals-${process.pid}`;
  let folder: string;
  let child: ChildProcess;
  let said: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'signals-'));
    said = '';
  });
  afterEach(() => {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true });
    rmSync(hangupLog(name), { force: true });
  });

  const result = () => join(folder, 'result');
  const start = async (argv: readonly string[]) => {
    const [program = '', ...args] = argv;
    child = spawn(program, args, { cwd: ROOT });
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (said += chunk));
    while (!said.includes('it works')) await sleep(20);
    await sleep(200);
  };
  const fixture = (...flags: string[]) => commandArgv('test/fixtures/working', [...flags, result()]);
  /** script(1) gives a command a terminal, of which it is the only process group. */
  const onTerminal = (argv: readonly string[]) => ['script', '-qec', argv.join(' '), join(folder, 'typed')];
  const ended = async () => (await once(child, 'close'))[0];
  const waitForLog = async (end: RegExp) => {
    for (let look = 0; look < 500; look += 1) {
      const text = existsSync(hangupLog(name)) ? readFileSync(hangupLog(name), 'utf8') : '';
      if (end.test(text)) return text;
      await sleep(20);
    }
    return assert.fail(`${hangupLog(name)} does not say ${end}`);
  };

  const pressed = [
    ['nothing was changed where it has only looked, and no other cause', () => fixture(), NOT_BEGUN],
    ['it carries on where it has begun', () => fixture('--log', name), BEGUN],
  ] as const;
  for (const [what, argv, sentence] of pressed)
    it(`by Ctrl-C says that ${what}`, async () => {
      await start(onTerminal(argv()));
      child.stdin?.write('\u0003');
      assert.equal(await ended(), 130);
      const lines = said.replace('^C', '').split(/[\r\n]+/);
      assert.deepEqual(lines.filter(Boolean), ['it works', sentence]);
      assert.equal(existsSync(result()), false);
    });

  it('by SIGTERM does the same', async () => {
    await start(fixture());
    child.kill('SIGTERM');
    assert.equal(await ended(), 130);
    assert.equal(said, 'it works\n\nSIGTERM: stopped before anything was changed\n');
  });

  it('by a closed terminal finishes what it has begun, and says so in a log', async () => {
    await start(onTerminal(fixture('--log', name)));
    child.kill('SIGKILL');
    const text = await waitForLog(/exit code|Done/);
    const [first = '', ...rest] = text.trimEnd().split('\n');
    assert.match(first, /^\S+Z The terminal was closed; this goes on to its end: \S+working\.ts --log /);
    assert.deepEqual(
      rest.map((line) => line.replace(/^\S+Z /, '')),
      ['✔ It is done', 'Done'],
    );
    assert.equal(readFileSync(result(), 'utf8'), 'done');
  });

  it('by a closed terminal ends where it has only looked', async () => {
    await start(onTerminal(fixture()));
    child.kill('SIGKILL');
    await sleep(2000);
    assert.equal(existsSync(result()), false);
    assert.equal(existsSync(hangupLog(name)), false);
  });

  it('by SIGHUP twice, its output in a file, goes on to speak into that', async () => {
    await start(fixture('--log', name));
    for (let times = 0; times < 2; times += 1) child.kill('SIGHUP');
    assert.equal(await ended(), 0);
    assert.equal(said, 'it works\n✔ It is done\n');
    assert.match(readFileSync(hangupLog(name), 'utf8'), /✔ It is done\n\S+ Done\n$/);
  });
});
