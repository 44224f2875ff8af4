// Alone: it measures how long users are without an answer, and hangs are told from a busy machine by its clocks.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { secretsDir } from '../../lib/secrets/secrets.ts';
import type { Moment } from '../../lib/stack/watch/vitals.ts';
import { FAULTS } from '../faults/faults.ts';
import { killFromHost } from '../faults/inside.ts';
import { describeView } from '../faults/outage.ts';
import { runFault } from '../faults/run.ts';
import { FaultStage } from '../faults/stage.ts';
import { until } from './harness.ts';

/** Shorter than what `make fault-report` does, for the same faults. */
const QUICK = { pauseMs: 5000, floodBytes: 300e6, busyMs: 0 };

describe('faults, with users asking throughout', { timeout: 900_000 }, () => {
  let stage: FaultStage;

  before(async () => {
    stage = await FaultStage.start('faults', { PROBE_INTERVAL: '1s' });
  });
  after(() => stage?.dispose());

  it('prod-watch shows health, use, requests and WebSocket clients', async () => {
    const looked = JSON.parse(await stage.stack.mustScript('watch', ['--once', '--json'])) as Moment;
    assert.deepEqual(
      looked.containers.map(({ health }) => health),
      ['healthy', 'healthy', 'healthy'],
    );
    assert.equal(Object.keys(looked.use).length, 3);
    assert.ok(looked.traffic.perSecond > 1, `${looked.traffic.perSecond} requests a second`);
    assert.equal(looked.traffic.errorsPerSecond, 0);
    assert.equal(looked.vitals?.webSockets, 0);
    const plain = await stage.stack.mustScript('watch', ['--once']);
    assert.match(plain, /-backend +healthy .*MiB of 1 GiB[\s\S]*Requests +[\d.]+\/s/);
  });

  for (const fault of FAULTS.filter(({ slow }) => !slow)) {
    it(`${fault.title}: heals by itself and loses no acknowledged edit`, async (test) => {
      const outcome = await runFault(stage, fault, QUICK);
      const { views, healedMs, restarted, acknowledged, lost, found } = outcome;
      for (const [kind, view] of Object.entries(views)) test.diagnostic(`${kind}: ${describeView(view)}`);
      test.diagnostic(`healed ${healedMs} ms; restarted ${restarted}; ${acknowledged} edits; ${found}`);
      assert.deepEqual(lost, [], `of ${acknowledged} acknowledged edits`);
      for (const kind of fault.spares)
        assert.equal(views[kind].failed, 0, `${kind}: ${describeView(views[kind])}`);
      for (const service of fault.restarts ?? []) assert.ok(restarted.includes(service), service);
      if (fault.named) assert.match((await stage.stack.script('health')).stderr, fault.named);
    });
  }

  it('a restart loop is named with its last log lines, and ends when its cause does', async () => {
    const { stack } = stage;
    const path = join(secretsDir(stack.settings.prefix), 'secret_key');
    const good = readFileSync(path);
    writeFileSync(path, 'short');
    await killFromHost(stack.name('backend'));
    let health = await stack.script('health');
    const named = /-backend: .*restart loop \(\d+ restarts.*last exit code 1\)/;
    await until('prod-health names the restart loop', 60_000, async () => {
      health = await stack.script('health');
      return named.test(health.stderr);
    });
    assert.equal(health.exitCode, 1);
    assert.match(health.stdout, /SECRET_KEY: has 5 characters/);
    writeFileSync(path, good);
    await stack.untilHealthy();
  });
});
