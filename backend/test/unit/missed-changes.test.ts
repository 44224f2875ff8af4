import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ChangeList } from '../../src/genes/changes.ts';
import { MissedChanges } from '../../src/live/missed-changes.ts';
import type { Change } from '../../src/schemas/answers.ts';

/** A history of changes 1 to `latest`, of which those up to `floor` are not listed; counts how often it is read. */
function history(latest: number, floor = 0, limit = 10) {
  const state = { latest, floor, reads: 0 };
  const read = async (since: number): Promise<ChangeList> => {
    state.reads += 1;
    const all = Array.from({ length: state.latest }, (_, index) => ({ seq: index + 1 }) as Change);
    const isComplete = since >= state.floor && since <= state.latest;
    return {
      items: isComplete ? all.filter(({ seq }) => seq > since).slice(0, limit) : [],
      ...{ latest: state.latest, floor: state.floor, complete: isComplete },
    };
  };
  return { state, missed: new MissedChanges(read, 5) };
}

const seqs = ({ items, complete }: ChangeList) => [complete, ...items.map(({ seq }) => seq)];

describe('missed changes', () => {
  it('are read once for all who ask', async () => {
    const { state, missed } = history(10);
    const asked = Array.from({ length: 100 }, (_, index) => missed.listAfter(5 + (index % 6), 10));
    assert.deepEqual(seqs((await asked[2]) as ChangeList), [true, 8, 9, 10]);
    await Promise.all(asked);
    assert.deepEqual(seqs(await missed.listAfter(4, 10)), [false], 'more than are kept');
    assert.equal(state.reads, 1);
  });

  it('are read once again after a change, however many ask', async () => {
    const { state, missed } = history(10);
    await missed.listAfter(10, 10);
    state.latest = 11;
    const again = await Promise.all(Array.from({ length: 50 }, () => missed.listAfter(10, 11)));
    assert.deepEqual(again.map(seqs), Array(50).fill([true, 11]));
    assert.equal(state.reads, 2);
  });

  it('are no more than were read, when others have been made meanwhile', async () => {
    const { missed } = history(20, 0, 6);
    const list = await missed.listAfter(8, 10);
    assert.deepEqual([list.latest, ...seqs(list)], [11, true, 9, 10, 11]);
  });

  it('begin after a bulk change', async () => {
    const { missed } = history(10, 8);
    assert.deepEqual(seqs(await missed.listAfter(9, 10)), [true, 10]);
    assert.deepEqual(seqs(await missed.listAfter(7, 10)), [false]);
  });

  it('are not read anew for everybody who claims to know more', async () => {
    const { state, missed } = history(10);
    for (let tries = 0; tries < 50; tries += 1)
      assert.equal((await missed.listAfter(999, 10)).complete, false);
    assert.ok(state.reads <= 3, `${state.reads} reads`);
  });
});
