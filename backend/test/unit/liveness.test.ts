import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countSilence, findServer, maxSilentMs, readWaitedMs } from '../../src/lib/liveness.ts';

test('a server is hung when it was silent for long by its own fault, not when it waited for a CPU', () => {
  assert.equal(countSilence(maxSilentMs, 0).hung, true);
  assert.equal(countSilence(maxSilentMs - 1, 0).hung, false);
  assert.equal(countSilence(10 * maxSilentMs, 9.5 * maxSilentMs).hung, false);
  assert.equal(countSilence(10 * maxSilentMs, 9 * maxSilentMs).hung, true);
  assert.deepEqual(countSilence(5, 9), { silentMs: 0, hung: false });
});

test('the time that a process waits for a CPU is read, and is none of a process that is gone', () => {
  assert.ok(readWaitedMs(process.pid) >= 0);
  assert.equal(readWaitedMs(2 ** 30), 0);
  assert.equal(findServer('/no/such/program.js'), undefined);
});
