import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { describe, it } from 'node:test';
import { ExportSlots } from '../../src/genes/export-slots.ts';

/** A text that nobody reads, with some of it waiting. */
function unread(): Readable {
  const text = new Readable({ read() {} });
  text.on('error', () => {});
  text.push('waits');
  return text;
}

describe('places for exports', () => {
  it('are never all one network’s', () => {
    const slots = new ExportSlots(3);
    slots.take('a');
    const second = slots.take('a');
    assert.throws(() => slots.take('a'), /Too many exports/);
    slots.take('b');
    assert.throws(() => slots.take('c'), /Too many exports/);
    slots.leave(second);
    slots.take('c');
  });

  it('are given up by who reads slowly, not by who reads, and not at once', () => {
    const patient = new ExportSlots(1, 60_000);
    patient.take('a').text = unread();
    assert.throws(() => patient.take('b'), /Too many exports/);

    const slots = new ExportSlots(2, -1);
    const [slow, quick] = [unread(), new Readable({ read() {} })];
    slots.take('a').text = quick;
    slots.take('b').text = slow;
    slots.take('c');
    assert.equal(slow.destroyed, true);
    assert.equal(quick.destroyed, false);
  });
});
