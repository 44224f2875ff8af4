import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startApi, type TestApi } from '../support/api.ts';
import { LiveSocket } from '../support/live.ts';

describe('overload', () => {
  let api: TestApi;
  before(async () => {
    // A small server: what it can bear is passed with few requests.
    api = await startApi('overload', {
      PGPOOL_MAX: '2',
      MAX_CONCURRENT_REQUESTS: '20',
      // No search is given up because the machine is slow; what is locked is, after 3 s.
      STATEMENT_TIMEOUT_MS: '60000',
    });
    await api.untilFollowing();
  });
  after(() => api?.close());

  it('at ten times what fits turns requests away at once, with Retry-After, and goes on serving', async () => {
    const blocker = await api.app.database.main.connect();
    // Until all that fit have come and the others were sent away: nothing here depends on how quick the machine is.
    await blocker.query('begin');
    await blocker.query('lock table genes in access exclusive mode');
    const refused: string[] = [];
    // Each question another one, so that none is answered from memory.
    const asking = Array.from({ length: 200 }, async (_, index) => {
      const response = await api.get(`/genes?q=kidney+${index}`);
      const body = await response.text();
      if (response.status === 503) {
        refused.push(body);
        assert.equal(response.headers.get('retry-after'), '1');
        if (refused.length === 180) await blocker.query('rollback');
      }
      return response.status;
    });
    const statuses = await Promise.all(asking);
    blocker.release();
    const served = statuses.filter((status) => status === 200).length;
    // No more than fit; the API may also send one away because its loop turns slowly.
    assert.ok(served > 0 && served <= 20, `${served} were served`);
    assert.equal(served + refused.length, 200);
    for (const body of refused) assert.ok(body.includes('/api/docs#overloaded'), body);
    assert.equal(api.app.load.shed, refused.length);
    assert.equal((await api.get('/genes?q=afterwards')).status, 200);
    assert.equal(api.app.load.inFlight, 0);
  });

  it('never keeps those waiting who decide over the life of the server', async () => {
    const flood = Promise.all(
      Array.from({ length: 200 }, async (_, index) => (await api.get(`/genes?q=flood+${index}`)).text()),
    );
    const health = await api.get('/api/health');
    assert.equal(health.status, 200);
    await flood;
  });

  it('does not come from open WebSockets, which have limits of their own', async () => {
    const clients = await Promise.all(Array.from({ length: 25 }, () => LiveSocket.open(api.url)));
    assert.equal((await api.get('/genes?q=beside')).status, 200);
    await Promise.all(clients.map((client) => client.close()));
  });

  it('by a slow database ends in 503 with the reason, not in endless waiting', async () => {
    const { main } = api.app.database;
    const blocker = await main.connect();
    await blocker.query('begin');
    await blocker.query('lock table genes in access exclusive mode');
    const response = await api.get('/genes?q=kidney+locked');
    const problem = (await response.json()) as { type: string; detail: string };
    assert.deepEqual([response.status, problem.type], [503, '/api/docs#unavailable']);
    assert.match(problem.detail, /took too long|changed by someone else/);
    assert.ok(response.headers.get('retry-after'));
    await blocker.query('rollback');
    blocker.release();
    assert.equal((await api.get('/genes?q=kidney+locked')).status, 200);
  });
});
