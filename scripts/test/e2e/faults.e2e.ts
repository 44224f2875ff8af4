import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { FAULTS } from '../faults/faults.ts';
import { describeView } from '../faults/outage.ts';
import { runFault } from '../faults/run.ts';
import { FaultStage } from '../faults/stage.ts';

/** Shorter than what `make fault-report` does, for the same faults. */
const QUICK = { pauseMs: 5000, floodBytes: 300e6 };

describe('faults, with users asking throughout', { timeout: 900_000 }, () => {
  let stage: FaultStage;

  before(async () => {
    stage = await FaultStage.start('faults', { PROBE_INTERVAL: '1s' });
  });
  after(() => stage?.dispose());

  for (const fault of FAULTS) {
    it(`${fault.title}: heals by itself and loses no acknowledged edit`, async (test) => {
      const outcome = await runFault(stage, fault, QUICK);
      const { views, healedMs, restarted, acknowledged, lost, found } = outcome;
      for (const [kind, view] of Object.entries(views)) test.diagnostic(`${kind}: ${describeView(view)}`);
      test.diagnostic(`healed ${healedMs} ms; restarted ${restarted}; ${acknowledged} edits; ${found}`);
      assert.deepEqual(lost, [], `of ${acknowledged} acknowledged edits`);
      for (const kind of fault.spares)
        assert.equal(views[kind].failed, 0, `${kind}: ${describeView(views[kind])}`);
      for (const service of fault.restarts ?? []) assert.ok(restarted.includes(service), service);
    });
  }
});
