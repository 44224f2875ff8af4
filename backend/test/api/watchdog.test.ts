import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { maxTurnMs } from '../../src/lib/liveness.ts';

/** A server as server.ts sets the watchdog on it: busy with long turns, then in one that never ends. */
const server = `
  const { Worker } = require('node:worker_threads');
  const beats = new Int32Array(new SharedArrayBuffer(4));
  new Worker(process.argv[1], { workerData: beats }).unref();
  setInterval(() => Atomics.add(beats, 0, 1), 250).unref();
  const spin = (cpuMs) => { for (const from = process.cpuUsage().user; process.cpuUsage().user - from < cpuMs * 1000; ); };
  let turns = 0;
  (function turn() {
    spin(500);
    turns += 1;
    if (turns < 7) return setTimeout(turn, 1);
    require('node:fs').writeSync(1, 'spinning');
    for (;;);
  })();`;

test('a server that spins in one turn is ended, and one whose turns are long is not', async () => {
  const watchdog = fileURLToPath(new URL('../../dist/watchdog.js', import.meta.url));
  const child = spawn(process.execPath, ['-e', server, watchdog], { timeout: 120_000 });
  const said = { stdout: '', stderr: '' };
  child.stdout.on('data', (text: Buffer) => {
    said.stdout += text.toString();
  });
  child.stderr.on('data', (text: Buffer) => {
    said.stderr += text.toString();
  });
  const [, signal] = await once(child, 'close');
  assert.equal(said.stdout, 'spinning', 'it was ended while it still turned');
  assert.equal(signal, 'SIGKILL');
  const blockedMs = Number(/blocked for (\d+) ms of CPU/.exec(said.stderr)?.[1]);
  assert.ok(blockedMs >= maxTurnMs, said.stderr);
});
