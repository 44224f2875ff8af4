import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startApi, type TestApi } from '../support/api.ts';
import { LiveSocket } from '../support/live.ts';
import { superuserSql } from '../support/postgres.ts';

describe('the metrics', () => {
  let api: TestApi;
  before(async () => {
    api = await startApi('metrics');
    await api.untilFollowing();
  });
  after(() => api?.close());

  async function read(): Promise<Map<string, number>> {
    const at = api.app.metricsServer.address();
    const response = await fetch(`http://${at?.host}:${at?.port}/metrics`);
    assert.equal(response.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
    const lines = (await response.text()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    return new Map(
      lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]),
    );
  }

  it('stand on a port of their own, at the address that reaches the database', async () => {
    const at = api.app.metricsServer.address();
    assert.equal(at?.host, '127.0.0.1');
    assert.notEqual(String(at?.port), new URL(api.url).port);
    for (const path of ['/metrics', '/api/metrics', '/api/v1/metrics'])
      assert.equal((await fetch(api.url + path)).status, 404, path);
    assert.equal((await fetch(`http://127.0.0.1:${at?.port}/`)).status, 404);
  });

  it('count requests by route and status, and time them', async () => {
    const list = 'http_request_duration_seconds_count{method="GET",route="/api/v1/genes",status="200"}';
    const before = (await read()).get(list) ?? 0;
    for (let count = 0; count < 3; count += 1) await api.json('/genes?q=alport');
    await api.get('/genes/NOSUCHGENE');
    const after = await read();
    assert.equal(after.get(list), before + 3);
    assert.equal(
      after.get('http_request_duration_seconds_count{method="GET",route="/api/v1/genes/:gene",status="404"}'),
      1,
    );
    assert.ok(
      [...after.keys()].every((name) => !name.includes('NOSUCHGENE')),
      'a label for each address',
    );
  });

  it('show the pool, the event loop, the memory, the clients and the version', async () => {
    const client = await LiveSocket.open(api.url);
    const metrics = await read();
    const expected: Record<string, number> = {
      database_ready: 1,
      database_pool_max: 10,
      database_pool_waiting: 0,
      websocket_clients: 1,
      live_changes_connected: 1,
      http_requests_in_flight: 0,
      http_requests_shed_total: 0,
      operations_readable: 1,
      live_changes_seq: (await api.json('/meta')).latestSeq,
      'build_info{version="1.2.3",revision="abcdef"}': 1,
    };
    for (const [name, value] of Object.entries(expected)) assert.equal(metrics.get(name), value, name);
    for (const name of [
      'nodejs_eventloop_lag_p99_seconds',
      'process_resident_memory_bytes',
      'database_pool_connections',
    ])
      assert.ok((metrics.get(name) ?? 0) > 0, name);
    await client.close();
  });

  it('tell how the last backup went, and when the last good one was', async () => {
    const record = (ok: boolean, age: string) =>
      superuserSql(
        'metrics',
        `insert into operations_status (kind, finished_at, ok) values ('backup', now() - interval '${age}', ${ok})
         on conflict (kind) do update set finished_at = excluded.finished_at, ok = excluded.ok`,
      );
    await record(true, '2 hours');
    const good = await read();
    assert.equal(good.get('operation_ok{kind="backup"}'), 1);
    assert.ok(Math.abs((good.get('operation_last_success_age_seconds{kind="backup"}') ?? 0) - 7200) < 60);
    await record(false, '1 minute');
    const bad = await read();
    assert.equal(bad.get('operation_ok{kind="backup"}'), 0);
    assert.ok((bad.get('operation_last_success_age_seconds{kind="backup"}') ?? 0) > 7100);
  });
});
