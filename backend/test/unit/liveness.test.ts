import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countSilence } from '../../src/lib/liveness.ts';

test('a server that has yet to answer is left alone however long it takes', () => {
  assert.deepEqual(countSilence(null, false), { silent: null, end: false });
});

test('one that answered is ended at its third silent probe in a row, and an answer starts the count anew', () => {
  let silent = countSilence(null, true).silent;
  const ends = [false, false, true, false, false, false].map((answered) => {
    const next = countSilence(silent, answered);
    silent = next.silent;
    return next.end;
  });
  assert.deepEqual(ends, [false, false, false, false, false, true]);
});
