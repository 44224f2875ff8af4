import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Asked, describeView, viewOf } from './faults/outage.ts';

const answers: Asked[] = [
  { kind: 'search', at: 1000, ms: 10, status: 200 },
  { kind: 'search', at: 1100, ms: 500, status: 503 },
  { kind: 'search', at: 1200, ms: 1000, status: 0, why: 'ECONNRESET' },
  { kind: 'search', at: 1300, ms: 100, status: 503 },
  { kind: 'search', at: 2300, ms: 2500, status: 200 },
  { kind: 'page', at: 1000, ms: 3, status: 200 },
];

describe('what users saw of a fault', () => {
  it('is how much failed, how, and from the first failure to the last', () => {
    assert.deepEqual(viewOf(answers, 'search'), {
      asked: 5,
      failed: 3,
      downMs: 1100,
      slowestMs: 2500,
      failures: { 503: 2, ECONNRESET: 1 },
    });
    assert.equal(
      describeView(viewOf(answers, 'search')),
      '3 of 5 failed within 1.1 s (2 × 503, 1 × ECONNRESET); slowest answer 2.5 s',
    );
  });

  it('is nothing where all was answered in time', () => {
    assert.equal(describeView(viewOf(answers, 'page')), 'nothing');
    assert.equal(describeView(viewOf(answers, 'edit')), 'nothing');
  });
});
