import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { mustRun } from '../../lib/process/shell.ts';
import { listStack } from '../../lib/stack/containers.ts';
import type { Result } from '../../lib/verify/check.ts';
import { TestStack } from './harness.ts';

describe('test mode', { timeout: 600_000 }, () => {
  let stack: TestStack;

  before(async () => {
    stack = await TestStack.create('test');
    await stack.mustScript('up', ['--test']);
  });
  after(() => stack?.dispose());

  it('publishes three ports, on 127.0.0.1 alone, and needs no proxy network', async () => {
    const { frontend, backend, postgres } = stack.settings.ports;
    const ports = (await listStack(stack.settings)).map((container) => container.ports);
    assert.deepEqual(ports, [
      [`127.0.0.1:${backend}->8000/tcp`],
      [`127.0.0.1:${frontend}->80/tcp`],
      [`127.0.0.1:${postgres}->5432/tcp`],
    ]);
  });

  it('answers real requests to page, API, WebSocket and database', async () => {
    // On the ports that it has, also when its user does not give them again.
    stack.setEnv('TEST_FRONTEND_PORT', '1');
    const said = await stack.script('health', ['--test', '--json'], { TEST_FRONTEND_PORT: '' });
    stack.setEnv('TEST_FRONTEND_PORT', String(stack.settings.ports.frontend));
    const health = JSON.parse(said.stdout) as { probes: { name: string; ok: boolean; ms: number }[] };
    assert.deepEqual(
      health.probes.map(({ name, ok }) => [name, ok]),
      ['Frontend', 'API', 'Data', 'WebSocket', 'Database'].map((name) => [name, true]),
    );
    assert.ok(health.probes.every(({ ms }) => ms > 0));
  });

  it('fails its health check, and says what, when the backend is stopped', async () => {
    await mustRun(['docker', 'stop', stack.name('backend')], 'see above');
    const { exitCode, stderr } = await stack.script('health', ['--test']);
    assert.equal(exitCode, 1);
    assert.match(stderr, /API .*-backend has no port now/);
    await mustRun(['docker', 'start', stack.name('backend')], 'see above');
    await stack.untilHealthy();
  });

  it('keeps every rule that test mode can keep, and names those that it cannot', async () => {
    const { exitCode, stdout } = await stack.script('verify', ['--test', '--json']);
    const { results } = JSON.parse(stdout) as { results: Result[] };
    const of = (status: Result['status']) =>
      results.filter((result) => result.status === status).map(({ id }) => id);
    assert.deepEqual([exitCode, of('fail')], [0, []]);
    assert.deepEqual(of('skip').sort(), [
      ...['database-egress', 'database-from-frontend', 'database-from-host', 'database-from-proxy-network'],
      ...['database-network', 'database-to-host', 'metrics-hidden', 'published-ports'],
    ]);
    for (const { status, found } of results) if (status === 'skip') assert.match(found, /test mode/);
    const wrongMode = await stack.script('verify');
    assert.match(wrongMode.stderr, /is up in test mode\n.*make prod-test-verify/);
  });

  it('is not left for production unless told to, and the data move along', async () => {
    await stack.sql(`CREATE TABLE kept (word text); INSERT INTO kept VALUES ('still here')`);
    await stack.mustScript('npm-network', ['create']);
    const refused = await stack.script('up');
    assert.equal(refused.exitCode, 1);
    assert.match(refused.stderr, /up in test mode.*\n.*make prod-up SWITCH=1/);
    const wrongDown = await stack.script('down');
    assert.match(wrongDown.stderr, /not in production mode\n.*make prod-test-down/);
    await stack.mustScript('up', ['--switch']);
    assert.deepEqual(
      (await listStack(stack.settings)).map(({ ports }) => ports),
      [[], [], []],
    );
    assert.equal(await stack.sql('SELECT word FROM kept'), 'still here');
    const probing = await stack.script('health', ['--test']);
    assert.match(probing.stderr, /production mode, which has no ports/);
    await stack.mustScript('up', ['--test', '--switch']);
    assert.equal(await stack.sql('SELECT word FROM kept'), 'still here');
  });

  it('shows the logs of one service, and names the services on a typo', async () => {
    assert.match(await stack.mustScript('logs', ['--no-follow', 'postgres']), /database system is ready/);
    for (const name of ['backend', 'kidney-genetics-backend-service'])
      assert.match(await stack.mustScript('logs', ['--no-follow', name]), /"msg":/);
    const typo = await stack.script('logs', ['--no-follow', 'databse']);
    assert.equal(typo.exitCode, 2);
    assert.match(typo.stderr, /one of: kidney-genetics-/);
  });
});
