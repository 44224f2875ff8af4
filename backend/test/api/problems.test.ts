import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { makeToken, startApi, type TestApi } from '../support/api.ts';

interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  instance: string;
  requestId: string;
  errors?: { parameter: string; detail: string }[];
}

describe('problems', () => {
  let api: TestApi;
  before(async () => {
    api = await startApi('problems');
  });
  after(() => api?.close());

  async function problemOf(response: Response): Promise<Problem> {
    assert.equal(response.headers.get('content-type'), 'application/problem+json; charset=utf-8');
    const problem = (await response.json()) as Problem;
    assert.equal(problem.status, response.status);
    assert.equal(problem.requestId, response.headers.get('x-request-id'));
    assert.ok(problem.title.length > 0 && problem.detail.length > 0);
    return problem;
  }

  it('carry the id that the proxy gave the request, or one of their own, and so does the log', async () => {
    const given = await problemOf(await api.get('/nothing', { 'x-request-id': 'proxy-1234567890' }));
    assert.equal(given.requestId, 'proxy-1234567890');
    assert.equal(given.instance, '/api/v1/nothing');
    const line = api.log.find(({ requestId, msg }) => requestId === 'proxy-1234567890' && msg === 'request');
    assert.deepEqual([line?.status, line?.method, line?.url], [404, 'GET', '/api/v1/nothing']);
    const forged = await problemOf(await api.get('/nothing', { 'x-request-id': 'a"}{"forged' }));
    assert.match(forged.requestId, /^[0-9a-f-]{36}$/);
  });

  it('lead to their explanation', async () => {
    const { type } = await problemOf(await api.get('/nothing'));
    const page = await (await api.get('/api/docs')).text();
    assert.ok(page.includes(`id="${type.split('#')[1]}"`), type);
  });

  it('name each bad parameter', async () => {
    const long = 'x'.repeat(201);
    const many = (name: string, values: unknown[]) => values.map((value) => `${name}=${value}`).join('&');
    const table: [address: string, ...parameters: string[]][] = [
      ['/genes?colour=red', 'colour'],
      ['/genes?page=0', 'page'],
      ['/genes?page=1.5', 'page'],
      ['/genes?page=1e9', 'page'],
      ['/genes?page=one', 'page'],
      ['/genes?page=1&page=2', 'page'],
      ['/genes?pageSize=201', 'pageSize'],
      [`/genes?q=${long}`, 'q'],
      ['/genes?sort=colour', 'sort'],
      ['/genes?group=UPPER', 'group/0'],
      [`/genes?group=${'g'.repeat(61)}`, 'group/0'],
      [`/genes?${many('group', [...Array(21).keys()])}`, 'group'],
      ['/genes?chromosome=23', 'chromosome/0'],
      ['/genes?chromosome=1&chromosome=99', 'chromosome/1'],
      ['/genes?inheritance=XX', 'inheritance/0'],
      ['/genes?evidence=some', 'evidence/0'],
      ['/genes?page=0&pageSize=0&colour=red', 'colour', 'page', 'pageSize'],
      ['/genes/export?format=xml', 'format'],
      ['/genes/export?page=2', 'page'],
      ['/genes/%27or%201=1', 'gene'],
      ['/changes?since=-1', 'since'],
      ['/changes?limit=1001', 'limit'],
      ['/statistics?fresh=1', 'fresh'],
      ['/disease-groups?x=1', 'x'],
      ['/meta?x=1', 'x'],
    ];
    for (const [address, ...parameters] of table) {
      const response = await api.get(address);
      assert.equal(response.status, 400, address);
      const { errors = [], type, detail } = await problemOf(response);
      assert.equal(type, '/api/docs#invalid-parameter');
      assert.deepEqual(errors.map(({ parameter }) => parameter).sort(), parameters, address);
      for (const name of parameters) assert.ok(detail.includes(name), detail);
    }
  });

  it('answer what is no request for this API', async () => {
    const token = { authorization: `Bearer ${await makeToken()}` };
    const json = { ...token, 'content-type': 'application/json' };
    const send = (method: string, path: string, headers: Record<string, string>, body?: string) =>
      fetch(`${api.url}/api/v1${path}`, { method, headers, ...(body === undefined ? {} : { body }) });
    const table: [status: number, kind: string, answer: Promise<Response>][] = [
      [404, 'not-found', send('POST', '/genes', json, '{}')],
      [404, 'not-found', send('DELETE', '/genes/PKD1', token)],
      [404, 'not-found', api.get('/api/v2/genes')],
      [404, 'not-found', api.get(`/genes/${'x'.repeat(100)}`)],
      [400, 'bad-request', send('PATCH', '/genes/PKD1', json, '{"name":')],
      [400, 'bad-request', send('PATCH', '/genes/PKD1', json, '{"__proto__":{"name":"x"}}')],
      [
        415,
        'unsupported-type',
        send('PATCH', '/genes/PKD1', { ...token, 'content-type': 'text/xml' }, '<a/>'),
      ],
      [413, 'too-large', send('PATCH', '/genes/PKD1', json, JSON.stringify({ name: 'x'.repeat(65_536) }))],
      [400, 'bad-request', api.get('/ws/genes')],
      [400, 'bad-request', api.get('/genes/%E0%A4%A')],
    ];
    for (const [status, kind, answer] of table) {
      const response = await answer;
      const { type, title } = await problemOf(response);
      assert.equal(`${response.status} ${type}`, `${status} /api/docs#${kind}`, title);
    }
  });

  it('keep to HTTP when a request is too malformed for the API', async () => {
    assert.match(await sendRaw('GET / HTTP/1.1\r\nHost: a b\r\n\r\n'), /^HTTP\/1\.1 400 /);
    assert.match(await sendRaw('nonsense\r\n\r\n'), /^HTTP\/1\.1 400 /);
    const large = `GET /api/v1/genes HTTP/1.1\r\nHost: localhost\r\nX-Large: ${'x'.repeat(20_000)}\r\n\r\n`;
    assert.match(await sendRaw(large), /^HTTP\/1\.1 431 /);
    assert.equal((await api.get('/meta')).status, 200);
  });

  function sendRaw(text: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = connect(Number(new URL(api.url).port), '127.0.0.1', () => socket.write(text));
      let answer = '';
      socket.setTimeout(5000, () => socket.destroy(new Error('no answer')));
      socket.on('data', (chunk) => {
        answer += String(chunk);
        socket.end();
      });
      socket.on('close', () => resolve(answer));
      socket.on('error', reject);
    });
  }
});

describe('ALLOWED_HOSTS', () => {
  let api: TestApi;
  before(async () => {
    api = await startApi('hosts', { ALLOWED_HOSTS: 'genes.example.org,.lab.example.org,[::1]' });
  });
  after(() => api?.close());

  it('lets requests for our names in, and no others; health may be probed under any', async () => {
    const table: [host: string, status: number][] = [
      ['genes.example.org', 200],
      ['GENES.example.org:443', 200],
      ['genes.example.org.', 200],
      ['a.lab.example.org', 200],
      ['lab.example.org', 200],
      ['[::1]:8000', 200],
      ['evil.org', 400],
      ['genes.example.org.evil.org', 400],
      ['evillab.example.org', 400],
      ['127.0.0.1', 400],
      ['genes.example.org@evil.org', 400],
    ];
    for (const [host, status] of table) {
      const answer = await api.app.inject({ url: '/api/v1/meta', headers: { host } });
      assert.equal(answer.statusCode, status, host);
      if (status === 400) assert.equal(answer.json<Problem>().type, '/api/docs#bad-host');
    }
    const probe = await api.app.inject({ url: '/api/health', headers: { host: '10.0.0.7:8000' } });
    assert.equal(probe.statusCode, 200);
  });

  it('goes by what the proxy says the host was no more than by what it is', async () => {
    const headers = { host: 'evil.org', 'x-forwarded-host': 'genes.example.org' };
    assert.equal((await api.app.inject({ url: '/api/v1/meta', headers })).statusCode, 400);
  });
});
