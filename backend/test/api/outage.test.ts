import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startApi, type TestApi, until } from '../support/api.ts';
import { LiveSocket } from '../support/live.ts';
import { createDatabase, findPostgres } from '../support/postgres.ts';
import { Relay } from '../support/relay.ts';

describe('a database that is away', () => {
  let relay: Relay;
  let api: TestApi;
  before(async () => {
    const address = new URL(await createDatabase('outage'));
    relay = await Relay.create(findPostgres().port);
    address.port = String(relay.port);
    api = await startApi('outage', { DATABASE_URL: address.href });
  });
  after(async () => {
    await api?.close();
    await relay?.close();
  });

  const healthy = async () => (await api.get('/api/health')).status === 200;

  it('at the start is waited for, said once; meanwhile all is answered with 503 and the reason', async () => {
    const tries = () => api.log.filter(({ retryInMs }) => typeof retryInMs === 'number');
    await until('the fifth try', async () => tries().length >= 5);
    assert.deepEqual(
      tries()
        .filter(({ level }) => level === 'warn')
        .map(({ msg }) => msg),
      ['waiting for the database: the database refuses connections'],
    );
    for (const path of ['/api/health', '/genes', '/genes/PKD1', '/genes/export', '/meta']) {
      const response = await api.get(path);
      const problem = (await response.json()) as { type: string; detail: string };
      assert.deepEqual([response.status, problem.type], [503, '/api/docs#unavailable'], path);
      assert.match(problem.detail, /the database refuses connections/);
      assert.ok(response.headers.get('retry-after'));
      assert.doesNotMatch(JSON.stringify(problem), /password|kidney_user|127\.0\.0\.1/);
    }
    for (const path of ['/api/health/live', '/api/docs', '/api/openapi.json'])
      assert.equal((await api.get(path)).status, 200, path);
    const early = await new LiveSocket(api.url).closed;
    assert.equal(early.code, 1013);
  });

  it('is used as soon as it comes', async () => {
    await relay.open();
    await until('ready', healthy);
    assert.ok((await api.json('/meta')).genes >= 60);
    assert.equal(api.log.filter(({ msg }) => msg === 'the database answers').length, 1);
  });

  it('may go again: 503 with the reason, then all as before, live changes included', async () => {
    await api.untilFollowing();
    const client = await LiveSocket.open(api.url);
    await relay.close();
    const response = await api.get('/genes');
    assert.equal(response.status, 503);
    assert.match(((await response.json()) as { detail: string }).detail, /database|connection/);
    assert.equal((await api.get('/api/health/live')).status, 200);
    await relay.open();
    await until('ready again', healthy);
    await until(
      'served again',
      async () => (await api.edit('PKD1', { name: 'after the outage' })).status === 200,
    );
    assert.equal((await client.until('change', 30_000)).gene?.name, 'after the outage');
    await client.close();
  });
});
