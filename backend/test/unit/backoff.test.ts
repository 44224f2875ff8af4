import assert from 'node:assert/strict';
import { test } from 'node:test';
import { retryPauseMs } from '../../src/lib/backoff.ts';

const table: readonly (readonly [waitedMs: number, shortest: number, longest: number])[] = [
  [0, 25, 50],
  [1000, 50, 100],
  [10_000, 500, 1000],
  [3_600_000, 2500, 5000],
];

for (const [waitedMs, shortest, longest] of table) {
  test(`after ${waitedMs} ms the next try comes in ${shortest} to ${longest} ms`, () => {
    assert.deepEqual([retryPauseMs(waitedMs, 0), retryPauseMs(waitedMs, 1)], [shortest, longest]);
  });
}
