import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startApi, type TestApi } from '../support/api.ts';

describe('validators', () => {
  let api: TestApi;
  before(async () => {
    api = await startApi('caching');
  });
  after(() => api?.close());

  const etagOf = async (path: string) => (await api.get(path)).headers.get('etag') ?? '';
  const paths = [
    '/genes',
    '/genes?q=alport',
    '/genes/PKD1',
    '/disease-groups',
    '/statistics',
    '/changes',
    '/api/openapi.json',
    '/api/docs',
    '/api/docs/reference.css',
  ];

  it('are strong, and spare a client what it has', async () => {
    for (const path of paths) {
      const first = await api.get(path);
      const etag = first.headers.get('etag') ?? '';
      assert.match(etag, /^"[\w-]+"$/, path);
      assert.equal(first.headers.get('cache-control'), 'public, no-cache');
      for (const given of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
        const again = await api.get(path, { 'if-none-match': given });
        assert.equal(again.status, 304, `${path} ${given}`);
        assert.equal(again.headers.get('etag'), etag);
        assert.equal(await again.text(), '');
      }
      assert.equal((await api.get(path, { 'if-none-match': '"other"' })).status, 200);
    }
  });

  it('differ between addresses', async () => {
    const tags = await Promise.all(paths.map(etagOf));
    assert.equal(new Set(tags).size, paths.length);
  });

  it('change with the data at once, a gene’s only with the gene', async () => {
    const before = await Promise.all(['/genes', '/statistics', '/genes/PKD1', '/genes/PKD2'].map(etagOf));
    assert.equal((await api.edit('PKD1', { band: '16p13' })).status, 200);
    const after = await Promise.all(['/genes', '/statistics', '/genes/PKD1', '/genes/PKD2'].map(etagOf));
    assert.deepEqual(
      after.map((etag, index) => etag === before[index]),
      [false, false, false, true],
    );
    assert.equal((await api.json('/genes/PKD1')).band, '16p13');
  });

  it('change when someone else changes the data', async () => {
    const before = await etagOf('/genes');
    await api.app.database.main.query(`update genes set name = 'from elsewhere' where symbol = 'CTNS'`);
    const response = await api.get('/genes?pageSize=200', { 'if-none-match': before });
    assert.match(await response.text(), /from elsewhere/);
    assert.notEqual(await etagOf('/genes'), before);
  });

  it('never fit an answer that an edit has overtaken', async () => {
    const seen = new Map<string, string>();
    let editing = true;
    const reader = async () => {
      while (editing) {
        const response = await api.get('/genes/VHL');
        const { name } = (await response.json()) as { name: string };
        const etag = response.headers.get('etag');
        if (etag === null) continue;
        assert.equal(seen.get(etag) ?? name, name);
        seen.set(etag, name);
      }
    };
    const readers = [reader(), reader(), reader()];
    for (let index = 0; index < 15; index += 1) {
      await api.edit('VHL', { name: `name ${index}` });
      assert.equal((await api.json('/genes/VHL')).name, `name ${index}`);
    }
    editing = false;
    await Promise.all(readers);
  });

  it('do not come with problems, which nobody may keep', async () => {
    const response = await api.get('/genes/NOSUCHGENE');
    assert.equal(response.headers.get('etag'), null);
    assert.equal(response.headers.get('cache-control'), 'no-store');
  });
});
