import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import WebSocket from 'ws';
import { startApi, type TestApi, until } from '../support/api.ts';
import { LiveSocket } from '../support/live.ts';

describe('the WebSocket', () => {
  let api: TestApi;
  /** A second backend on the same database. */
  let other: TestApi;
  before(async () => {
    api = await startApi('live');
    other = await startApi('live', { DATABASE_URL: api.databaseUrl });
    await other.app.database.prepared;
    await Promise.all([api.untilFollowing(), other.untilFollowing()]);
  });
  after(() => Promise.all([api?.close(), other?.close()]));

  const seqNow = async (): Promise<number> => (await api.json('/meta')).latestSeq;

  it('greets with the number of the newest change, the version and the heartbeat', async () => {
    const client = new LiveSocket(api.url);
    const hello = await client.until('hello');
    assert.deepEqual(hello, { type: 'hello', seq: await seqNow(), version: '1.2.3', heartbeatSeconds: 10 });
    assert.ok(Number(hello.heartbeatSeconds) < 90, 'the proxy cuts silent connections after 90 s');
    await client.close();
  });

  it('pushes what was changed through another backend, to all, in order, and as the API shows it', async () => {
    const clients = await Promise.all([
      LiveSocket.open(api.url),
      LiveSocket.open(api.url),
      LiveSocket.open(other.url),
    ]);
    await other.edit('PKD1', { name: 'first edit' });
    await api.edit('PKD2', { name: 'second edit' });
    for (const client of clients) {
      const [one, two] = [await client.until('change'), await client.until('change')];
      assert.deepEqual([one.symbol, one.op, two.symbol], ['PKD1', 'update', 'PKD2']);
      assert.deepEqual(one.gene, await api.json('/genes/PKD1'));
      assert.ok(two.seq > one.seq);
      await client.close();
    }
  });

  it('pushes what was changed in the database itself, and deletions', async () => {
    const client = await LiveSocket.open(api.url);
    await api.app.database.main.query(`delete from genes where symbol = 'MET'`);
    const change = await client.until('change');
    assert.deepEqual([change.symbol, change.op, change.gene], ['MET', 'delete', null]);
    await client.close();
  });

  it('tells a client that comes back exactly what it missed', async () => {
    const since = await seqNow();
    for (const name of ['one', 'two', 'three']) await api.edit('CTNS', { name });
    const client = await LiveSocket.open(other.url);
    client.send({ type: 'resume', since });
    const missed = [await client.until('change'), await client.until('change'), await client.until('change')];
    assert.deepEqual(
      missed.map(({ seq }) => seq),
      (await api.json(`/changes?since=${since}`)).items.map(({ seq }: { seq: number }) => seq),
    );
    await api.edit('CTNS', { name: 'four' });
    assert.equal((await client.until('change')).gene?.name, 'four');
    assert.equal(client.messages.length, 0);
    await client.close();
  });

  it('loses and repeats nothing while changes and comings back cross', async () => {
    const since = await seqNow();
    let editing = true;
    const edits = (async () => {
      for (let index = 0; index < 25; index += 1) await other.edit('FLCN', { name: `edit ${index}` });
      editing = false;
    })();
    const seen: number[] = [];
    let known = since;
    while (editing) {
      const client = await LiveSocket.open(api.url);
      client.send({ type: 'resume', since: known });
      await sleep(120);
      for (const { type, seq } of client.messages.splice(0)) if (type === 'change') seen.push(seq);
      known = seen.at(-1) ?? known;
      await client.close();
    }
    await edits;
    const last = await LiveSocket.open(api.url);
    last.send({ type: 'resume', since: known });
    const expected: number[] = (await api.json(`/changes?since=${since}&limit=1000`)).items.map(
      ({ seq }: { seq: number }) => seq,
    );
    while ((seen.at(-1) ?? 0) < (expected.at(-1) ?? 0)) seen.push((await last.until('change')).seq);
    assert.deepEqual(seen, expected);
    await last.close();
  });

  it('asks to read everything anew when a number is unknown or too much has changed', async () => {
    const client = await LiveSocket.open(api.url);
    client.send({ type: 'resume', since: (await seqNow()) + 500 });
    assert.equal((await client.until('resync')).seq, await seqNow());
    await api.app.database.main.query(`
      insert into genes (hgnc_id, symbol, name, chromosome, disease_group, band)
      select 'HGNC:' || 2000000 + n, 'MANY' || n, 'many', '1', 'cystic', '' from generate_series(1, 500) as n`);
    assert.equal((await client.until('resync')).seq, await seqNow());
    await api.edit('GLA', { name: 'afterwards' });
    assert.equal((await client.until('change')).gene?.name, 'afterwards');
    await client.close();
  });

  it('is open to our pages and to programs, not to the pages of others', async () => {
    const host = new URL(api.url).host;
    for (const headers of [
      {},
      { origin: `http://${host}` },
      { origin: 'https://genes.example.org', 'x-forwarded-host': 'genes.example.org' },
    ])
      await (await LiveSocket.open(api.url, headers)).close();
    for (const origin of ['https://evil.org', 'null', `https://${host}.evil.org`, `http://localhost:1`]) {
      const refused = new LiveSocket(api.url, { origin });
      await assert.rejects(refused.closed, /Unexpected server response: 403/, origin);
    }
  });

  it('closes on what it does not understand, on long messages, and on too many', async () => {
    const table: [code: number, messages: string[]][] = [
      [1008, ['nonsense']],
      [1008, ['{"type":"subscribe"}']],
      [1008, ['{"type":"resume","since":-1}']],
      [1008, ['{"type":"resume","since":"1"}']],
      [1008, ['null']],
      [1009, [JSON.stringify({ type: 'pong', filler: 'x'.repeat(1100) })]],
      [1008, Array.from({ length: 21 }, () => '{"type":"pong"}')],
    ];
    for (const [code, messages] of table) {
      const client = await LiveSocket.open(api.url);
      for (const message of messages) client.send(message);
      assert.equal((await client.closed).code, code, messages[0]?.slice(0, 40));
    }
    const binary = await LiveSocket.open(api.url);
    binary.socket.send(Buffer.from('{"type":"pong"}'));
    assert.equal((await binary.closed).code, 1008);
    const polite = await LiveSocket.open(api.url);
    for (let count = 0; count < 20; count += 1) polite.send({ type: 'pong' });
    await sleep(200);
    assert.equal(polite.socket.readyState, WebSocket.OPEN);
    await polite.close();
  });

  it('pings, and drops those who no longer answer', async () => {
    const alive = await LiveSocket.open(api.url);
    const dead = await LiveSocket.open(api.url);
    // A client whose machine is gone answers neither kind of ping.
    dead.socket.pong = () => {};
    const before = api.app.live.size;
    api.app.live.beat();
    await alive.until('ping');
    await dead.until('ping');
    await sleep(100);
    api.app.live.beat();
    assert.equal((await dead.closed).code, 1006);
    await until('forgotten', async () => api.app.live.size === before - 1);
    assert.equal(alive.socket.readyState, WebSocket.OPEN);
    await alive.close();
  });
});

describe('the limits of the WebSocket', () => {
  it('count a network of IPv6 as one client', async () => {
    const api = await startApi('live_network', { WS_MAX_CLIENTS: '10', WS_MAX_CLIENTS_PER_ADDRESS: '2' });
    await api.untilFollowing();
    const from = (address: string) => ({ 'x-forwarded-for': address });
    await LiveSocket.open(api.url, from('2001:db8:1:2::1'));
    await LiveSocket.open(api.url, from('2001:db8:1:2:ffff::2'));
    const third = await new LiveSocket(api.url, from('2001:db8:1:2::3')).closed;
    assert.equal(third.reason, 'too many connections from this address');
    await LiveSocket.open(api.url, from('2001:db8:1:3::1'));
    await api.close();
  });

  it('keep a hundred who ask again and again for what they missed from slowing anybody down', async () => {
    const api = await startApi('live_resume');
    await api.untilFollowing();
    for (let edit = 0; edit < 60; edit += 1) await api.edit('GLA', { name: `edit ${edit}` });
    const { latestSeq } = await api.json('/meta');
    const clients = await Promise.all(Array.from({ length: 100 }, () => LiveSocket.open(api.url)));
    const asked: string[] = [];
    const { live } = api.app.database;
    const query = live.query.bind(live);
    Object.assign(live, {
      query(...args: Parameters<typeof query>) {
        asked.push('changes');
        return query(...args);
      },
    });
    for (let round = 0; round < 4; round += 1)
      for (const [index, client] of clients.entries())
        client.send({ type: 'resume', since: latestSeq - 1 - (index % 50) });
    assert.equal((await api.get('/api/health')).status, 200);
    await Promise.all(clients.map((client) => client.until('change')));
    assert.ok(asked.length <= 3, `the database was asked ${asked.length} times by 400 messages`);
    await api.close();
  });

  it('refuse more clients than allowed, in all and from one address, and say to come later', async () => {
    const api = await startApi('live_limits', { WS_MAX_CLIENTS: '3', WS_MAX_CLIENTS_PER_ADDRESS: '2' });
    await api.untilFollowing();
    const from = (address: string) => ({ 'x-forwarded-for': address });
    const first = await LiveSocket.open(api.url, from('192.0.2.1'));
    await LiveSocket.open(api.url, from('192.0.2.1'));
    const same = await new LiveSocket(api.url, from('192.0.2.1')).closed;
    assert.deepEqual(same, { code: 1013, reason: 'too many connections from this address' });
    await LiveSocket.open(api.url, from('192.0.2.2'));
    const fourth = await new LiveSocket(api.url, from('192.0.2.3')).closed;
    assert.deepEqual(fourth, { code: 1013, reason: 'too many connections' });
    await first.close();
    await (await LiveSocket.open(api.url, from('192.0.2.3'))).close();
    await api.close();
  });

  it('send everybody away with 1012 when the server ends, and take nobody in', async () => {
    const api = await startApi('live_end');
    await api.untilFollowing();
    const clients = await Promise.all([LiveSocket.open(api.url), LiveSocket.open(api.url)]);
    const started = Date.now();
    await api.close();
    for (const client of clients)
      assert.deepEqual(await client.closed, { code: 1012, reason: 'service restart' });
    assert.ok(Date.now() - started < 4000);
    await assert.rejects(new LiveSocket(api.url).closed);
  });
});
