import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Turns } from '../../src/lib/turns.ts';

test('whatever waits for its turn, others get theirs between, and a failure fails nobody else', async () => {
  const turns = new Turns();
  const order: string[] = [];
  const other = () => {
    order.push('other');
    if (order.length < 10) setImmediate(other);
  };
  setImmediate(other);
  const work = ['a', 'b', 'c'].map((name) => turns.take(() => order.push(name)));
  const failing = turns.take(() => {
    throw new Error('no');
  });
  const last = turns.take(() => order.push('last'));
  await assert.rejects(failing, /no/);
  await Promise.all([...work, last]);
  const [a, b, c, end] = ['a', 'b', 'c', 'last'].map((name) => order.indexOf(name));
  for (const [from, to] of [
    [a, b],
    [b, c],
    [c, end],
  ])
    assert.ok(order.slice(from, to).includes('other'), order.join());
});
