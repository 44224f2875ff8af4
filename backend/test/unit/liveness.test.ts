import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countSilence, findServer, maxSilentMs, readSchedule, TurnMeter } from '../../src/lib/liveness.ts';

test('a server is hung when it was silent for long by its own fault, not when it waited for a CPU', () => {
  assert.equal(countSilence(maxSilentMs, 0).hung, true);
  assert.equal(countSilence(maxSilentMs - 1, 0).hung, false);
  assert.equal(countSilence(10 * maxSilentMs, 9.5 * maxSilentMs).hung, false);
  assert.equal(countSilence(10 * maxSilentMs, 9 * maxSilentMs).hung, true);
  assert.deepEqual(countSilence(5, 9), { silentMs: 0, hung: false });
});

test('the time that a process runs and waits for a CPU is read, and is none of a process that is gone', () => {
  const before = readSchedule(process.pid);
  for (const end = Date.now() + 50; Date.now() < end; );
  const after = readSchedule(process.pid);
  assert.ok(after.ranMs > before.ranMs && after.waitedMs >= before.waitedMs);
  assert.deepEqual(readSchedule(2 ** 30), { ranMs: 0, waitedMs: 0 });
  assert.equal(findServer('/no/such/program.js'), undefined);
});

test('a turn of the event loop is measured by the CPU since the last beat, however long it waited for one', () => {
  const meter = new TurnMeter();
  const looks: [beat: number, ranMs: number, turnMs: number][] = [
    [7, 100, 0],
    [7, 130, 30],
    [8, 900, 0],
    [8, 900, 0],
    [8, 5000, 4100],
    [9, 5001, 0],
  ];
  for (const [beat, ranMs, turnMs] of looks) assert.equal(meter.measure(beat, ranMs), turnMs);
});
