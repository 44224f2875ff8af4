import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { makeToken, startApi, type TestApi, until } from '../support/api.ts';

const formerKey = 'f'.repeat(40);

describe('edits', () => {
  let api: TestApi;
  before(async () => {
    api = await startApi('edits', { SECRET_KEY_PREVIOUS: formerKey });
  });
  after(() => api?.close());

  const withToken = (token: string) => api.edit('PKD1', { band: '16p13.3' }, { authorization: token });

  it('need a token that is ours, valid and permits them', async () => {
    const bearer = async (...args: Parameters<typeof makeToken>) => `Bearer ${await makeToken(...args)}`;
    const now = Math.floor(Date.now() / 1000);
    await api.app.database.main.query(`insert into revoked_tokens (id) values ('known-to-a-thief')`);
    const unsigned = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from('{"sub":"x","scope":"genes:write"}').toString('base64url')}.`;
    const table: [what: string, token: string, status: number][] = [
      ['none', '', 401],
      ['no bearer', 'Basic dXNlcjpwYXNz', 401],
      ['nonsense', 'Bearer a.b.c', 401],
      ['unsigned', `Bearer ${unsigned}`, 401],
      ['another key', await bearer({}, { key: 'x'.repeat(40) }), 401],
      ['expired', await bearer({}, { expires: '-1h' }), 401],
      ['nobody', await bearer({ sub: '' }), 401],
      ['no id', await bearer({ jti: '' }), 401],
      ['of the future', await bearer({ iat: now + 60 }), 401],
      ['good for more than 90 days', await bearer({}, { expires: '91d' }), 401],
      ['old, and good for more than 90 days', await bearer({ iat: now - 86_400 }, { expires: '90d' }), 401],
      ['revoked', await bearer({ jti: 'known-to-a-thief' }), 401],
      ['good for 90 days', await bearer({}, { expires: '90d' }), 200],
      ['a clock that is 3 s ahead', await bearer({ iat: now + 3 }), 200],
      ['no scope', await bearer({ scope: '' }), 403],
      ['another scope', await bearer({ scope: 'genes:writes genes:read' }), 403],
      ['the former key', await bearer({}, { key: formerKey }), 200],
      ['among other scopes', await bearer({ scope: 'genes:read genes:write' }), 200],
    ];
    for (const [what, token, status] of table) {
      const response = await withToken(token);
      assert.equal(response.status, status, what);
      if (status === 401) assert.match(response.headers.get('www-authenticate') ?? '', /^Bearer/);
    }
    assert.ok(
      api.log.every((line) => !JSON.stringify(line).includes('eyJ')),
      'a token was logged',
    );
  });

  it('change what they name, leave the rest, and are answered with the gene', async () => {
    const before = await api.json('/genes/COL4A3');
    const source = {
      evidenceSource: 'A panel',
      evidenceDate: '2024',
      evidenceUrl: 'https://example.org/COL4A3',
    };
    const fields = { evidence: 'strong', ...source, aliases: ['TUMSTATIN'], diseases: [] };
    const response = await api.edit('HGNC:2204', fields);
    const after = (await response.json()) as { seq: number; updatedAt: string };
    assert.deepEqual(after, { ...before, ...fields, seq: after.seq, updatedAt: after.updatedAt });
    assert.ok(after.seq > before.seq && after.updatedAt > before.updatedAt);
    assert.deepEqual(await api.json('/genes/COL4A3'), after);
    assert.equal(response.headers.get('etag') === null, false);
    assert.equal((await api.edit('NOSUCHGENE', fields)).status, 404);
  });

  it('of the class alone leave no source behind that has not given it', async () => {
    const source = {
      evidenceSource: 'ClinGen',
      evidenceDate: '2024-02-29',
      evidenceUrl: 'https://example.org/1',
    };
    const sourceAfter = async (fields: object) => {
      const gene = (await (await api.edit('AHI1', fields)).json()) as Record<string, unknown>;
      return [gene.evidence, gene.evidenceSource, gene.evidenceDate, gene.evidenceUrl];
    };
    assert.deepEqual(await sourceAfter(source), ['definitive', ...Object.values(source)]);
    assert.deepEqual(await sourceAfter({ evidence: 'definitive' }), ['definitive', ...Object.values(source)]);
    assert.deepEqual(await sourceAfter({ evidence: 'limited' }), ['limited', null, null, null]);
    assert.deepEqual(await sourceAfter({ evidence: 'strong', evidenceSource: 'GenCC' }), [
      'strong',
      'GenCC',
      null,
      null,
    ]);
  });

  it('name the fields they may not set, and change nothing then', async () => {
    const disease = { name: 'A disease', omimId: null, orphaId: null, inheritance: [] };
    const table: [fields: object, ...parameters: string[]][] = [
      [{}, 'body'],
      [[] as object, 'body'],
      [{ symbol: 'X' }, 'symbol'],
      [{ hgncId: 'HGNC:1' }, 'hgncId'],
      [{ name: '' }, 'name'],
      [{ name: 7 }, 'name'],
      [{ name: 'x'.repeat(301) }, 'name'],
      [{ name: 'line\nbreak' }, 'name'],
      [{ name: 'next\u0085line' }, 'name'],
      [{ name: 'half \ud800 pair' }, 'name'],
      [{ name: ' spaced' }, 'name'],
      [{ aliases: ['a|b'] }, 'aliases/0'],
      [{ aliases: ['a', 'a'] }, 'aliases'],
      [{ aliases: Array.from({ length: 61 }, (_, index) => `a${index}`) }, 'aliases'],
      [{ chromosome: '23' }, 'chromosome'],
      [{ band: "'; drop table genes" }, 'band'],
      [{ inheritance: ['XX'] }, 'inheritance/0'],
      [{ evidence: 'some' }, 'evidence'],
      [{ evidenceSource: '' }, 'evidenceSource'],
      [{ evidenceSource: 'right\u202eto\nleft' }, 'evidenceSource'],
      [{ evidenceSource: 'x'.repeat(201) }, 'evidenceSource'],
      ...[
        '23',
        '1823',
        '2023-13',
        '2023-00',
        '2023-02-30',
        '2023-04-31',
        '2023-1',
        '2023-11-',
        'Nov 2023',
      ].map((evidenceDate): [object, string] => [{ evidenceDate }, 'evidenceDate']),
      ...[
        'http://example.org/',
        'https://',
        'https://localhost/',
        'https://user:secret@example.org/',
        'https://example.org/a b',
        'https://example.org/"><script>',
        'https://example.org\\@evil.example/',
        'javascript:alert(1)//https://example.org',
        'https://example.org/\u202e',
        `https://example.org/${'x'.repeat(500)}`,
      ].map((evidenceUrl): [object, string] => [{ evidenceUrl }, 'evidenceUrl']),
      [{ diseaseGroup: 'no-such-group' }, 'diseaseGroup'],
      [{ diseases: [{ ...disease, omimId: '173900' }] }, 'diseases/0/omimId'],
      [{ diseases: [{ ...disease, name: 'a {b}' }] }, 'diseases/0/name'],
      [{ diseases: [{ ...disease, name: 'half \udc00 pair' }] }, 'diseases/0/name'],
      [
        { diseases: [{ name: 'A disease' }] },
        'diseases/0/inheritance',
        'diseases/0/omimId',
        'diseases/0/orphaId',
      ],
      [{ diseases: [{ ...disease, severity: 1 }] }, 'diseases/0/severity'],
      [{ name: '', band: '#' }, 'band', 'name'],
    ];
    const before = await api.json('/genes/VHL');
    for (const [fields, ...parameters] of table) {
      const response = await api.edit('VHL', fields);
      const { errors = [] } = (await response.json()) as { errors?: { parameter: string }[] };
      assert.equal(response.status, 400, JSON.stringify(fields));
      assert.deepEqual(errors.map(({ parameter }) => parameter).sort(), parameters);
    }
    assert.deepEqual(await api.json('/genes/VHL'), before);
  });

  it('fail with If-Match when somebody was faster', async () => {
    const read = await api.get('/genes/TSC1');
    const etag = read.headers.get('etag') ?? '';
    const edit = (name: string) => api.edit('TSC1', { name }, { 'if-match': etag });
    const [one, other] = await Promise.all([edit('one'), edit('other')]);
    assert.deepEqual([one.status, other.status].sort(), [200, 412]);
    const winner = one.status === 200 ? one : other;
    assert.equal((await api.json('/genes/TSC1')).name, ((await winner.json()) as { name: string }).name);
    const next = winner.headers.get('etag') ?? '';
    assert.equal((await api.get('/genes/TSC1', { 'if-none-match': next })).status, 304);
    assert.equal((await api.edit('TSC1', { name: 'third' }, { 'if-match': next })).status, 200);
    // As a proxy that compresses passes the tag on.
    const weak = `W/${(await api.get('/genes/TSC1')).headers.get('etag')}`;
    assert.equal((await api.edit('TSC1', { name: 'fourth' }, { 'if-match': weak })).status, 200);
    assert.equal((await api.edit('TSC1', { name: 'fifth' }, { 'if-match': weak })).status, 412);
  });

  it('at the same moment all take effect', async () => {
    const symbols = ['WNK1', 'WNK4', 'CUL3', 'KLHL3', 'SCNN1A', 'SCNN1B'];
    // Whoever waits too long for the others is told to come again, and does.
    const insist = (symbol: string, fields: object) =>
      until(`${symbol} edited`, async () => {
        const { status } = await api.edit(symbol, fields);
        assert.ok(status === 200 || status === 503);
        return status === 200;
      });
    await Promise.all(
      symbols.flatMap((symbol) => [
        insist(symbol, { name: `${symbol} edited` }),
        insist(symbol, { band: '1p1' }),
      ]),
    );
    for (const symbol of symbols) {
      const gene = await api.json(`/genes/${symbol}`);
      assert.deepEqual([gene.name, gene.band], [`${symbol} edited`, '1p1']);
    }
  });
});
