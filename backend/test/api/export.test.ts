import assert from 'node:assert/strict';
import { get } from 'node:http';
import { after, before, describe, it } from 'node:test';
import { parse } from 'csv-parse/sync';
import { listAll, startApi, symbolsOf, type TestApi } from '../support/api.ts';

describe('the export', () => {
  let api: TestApi;
  before(async () => {
    // Filling it takes a busy machine longer than a request may.
    api = await startApi('export', { STATEMENT_TIMEOUT_MS: '60000' });
    await api.edit('PKD1', { name: '=1+1, "a" name', aliases: ['one', 'two'], evidence: 'definitive' });
  });
  after(() => api?.close());

  const table = async (path: string, delimiter: string): Promise<Record<string, string>[]> =>
    parse(await (await api.get(path)).text(), { columns: true, delimiter });

  it('holds the same genes in the same order in all formats, as the list does', async () => {
    const query = 'q=kidney&inheritance=AD&sort=-symbol';
    const expected = symbolsOf(await api.json(`/genes?pageSize=200&${query}`));
    assert.ok(expected.length > 1);
    const csv = await table(`/genes/export?format=csv&${query}`, ',');
    const tsv = await table(`/genes/export?format=tsv&${query}`, '\t');
    assert.deepEqual(csv, tsv);
    assert.deepEqual(symbolsOf({ items: csv as { symbol: string }[] }), expected);
    const genes = await api.json(`/genes/export?format=json&${query}`);
    assert.deepEqual(symbolsOf({ items: genes }), expected);
  });

  it('writes JSON as the list does, and is a table unless asked', async () => {
    assert.deepEqual(await api.json('/genes/export?format=json'), await listAll(api));
    const response = await api.get('/genes/export');
    assert.equal(response.headers.get('content-type'), 'text/csv; charset=utf-8; header=present');
    assert.equal(response.headers.get('content-disposition'), 'attachment; filename="kidney-genes.csv"');
  });

  it('gives no spreadsheet a formula', async () => {
    const [row] = await table('/genes/export?q=PKD1', ',');
    assert.equal(row?.name, `'=1+1, "a" name`);
    assert.equal(row?.aliases, 'one | two');
    assert.equal(row?.diseases, 'Polycystic kidney disease 1 {OMIM:173900; ORPHA:730; AD}');
  });

  it('has only its header when nothing is selected', async () => {
    const text = await (await api.get('/genes/export?group=no-such-group')).text();
    assert.match(text, /^symbol,[^\n]+\r\n$/);
    assert.deepEqual(await api.json('/genes/export?format=json&group=no-such-group'), []);
  });

  it('is not sent again while the data are the same', async () => {
    const etag = (await api.get('/genes/export')).headers.get('etag') ?? '';
    const again = await api.get('/genes/export', { 'if-none-match': etag });
    assert.equal(again.status, 304);
    await api.edit('PKD2', { name: 'another' });
    const changed = await api.get('/genes/export', { 'if-none-match': etag });
    assert.equal(changed.status, 200);
    assert.match(await changed.text(), /another/);
  });

  it('streams: many genes take no more memory than a few, and slow readers hold up nobody else', async () => {
    for (let from = 1; from < 20_000; from += 1000) {
      await api.app.database.main.query(
        `insert into genes (hgnc_id, symbol, name, chromosome, disease_group, band, diseases)
         select 'HGNC:' || 1000000 + n, 'BULK' || n, repeat('long name ', 25), '1', 'cystic', '',
           '[{"name": "Some disease", "omimId": null, "orphaId": null, "inheritance": []}]'
         from generate_series($1::int, $1 + 999) as n`,
        [from],
      );
    }
    // As many as one network may have with a pool of ten; another one still has a place.
    const path = '/api/v1/genes/export?format=json';
    const [one, other] = await Promise.all([openAndWait(path), openAndWait(path)]);
    const refused = await api.get('/genes/export');
    assert.equal(refused.status, 503);
    assert.equal(refused.headers.get('retry-after'), '10');
    assert.equal((await api.get('/genes?page=2')).status, 200);
    const elsewhere = await api.get('/genes/export?q=PKD1', { 'x-forwarded-for': '192.0.2.1' });
    assert.match(await elsewhere.text(), /PKD1/);
    for (const { received } of [one, other])
      assert.ok(received() < 4_000_000, `${received()} bytes were sent ahead`);
    assert.equal((JSON.parse(await one.rest()) as unknown[]).length, (await api.json('/meta')).genes);
    other.abort();
    await untilServed('/genes/export?group=tumour');
  });

  /** Begins a download and reads no further than its first part until told to. */
  function openAndWait(
    path: string,
  ): Promise<{ received(): number; rest(): Promise<string>; abort(): void }> {
    return new Promise((resolve, reject) => {
      const request = get(`${api.url}${path}`, { agent: false }, (response) => {
        assert.equal(response.headers['transfer-encoding'], 'chunked');
        response.once('readable', () =>
          resolve({
            received: () => response.socket.bytesRead,
            async rest() {
              const chunks: Buffer[] = [];
              for await (const chunk of response) chunks.push(chunk as Buffer);
              return Buffer.concat(chunks).toString();
            },
            abort: () => request.destroy(),
          }),
        );
      });
      request.on('error', reject);
    });
  }

  /** A download that was broken off gives its place back. */
  async function untilServed(path: string): Promise<void> {
    for (let tries = 0; tries < 100; tries += 1) {
      const response = await api.get(path);
      await response.text();
      if (response.status === 200) return;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    assert.fail('the place of a broken off download is never free again');
  }
});
