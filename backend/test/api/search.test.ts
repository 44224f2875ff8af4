import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { listAll, startApi, symbolsOf, type TestApi } from '../support/api.ts';

describe('the search', () => {
  let api: TestApi;
  before(async () => {
    api = await startApi('search');
  });
  after(() => api?.close());

  const search = async (q: string, more = ''): Promise<string[]> =>
    symbolsOf({ items: await listAll(api, `q=${encodeURIComponent(q)}${more}`) });

  it('puts the exact symbol first, in any case, and with any separators', async () => {
    for (const q of ['PKD1', 'pkd1', ' Pkd1 ', 'pkd-1', 'COL4A3', 'c3', 'MET']) {
      const symbol = q.trim().replace('-', '').toUpperCase();
      assert.equal((await search(q))[0], symbol, q);
    }
  });

  it('finds beginnings of symbols', async () => {
    const found = await search('col4a');
    for (const symbol of ['COL4A3', 'COL4A4', 'COL4A5']) assert.ok(found.includes(symbol), symbol);
  });

  it('finds a gene by an alias, before genes that only mention it', async () => {
    assert.equal((await api.edit('UMOD', { aliases: ['THP-9', 'Uromucoid'] })).status, 200);
    assert.equal((await api.edit('PKD2', { name: 'polycystin 2, not a THP9' })).status, 200);
    for (const q of ['THP-9', 'thp9', 'uromucoid']) assert.equal((await search(q))[0], 'UMOD', q);
  });

  it('finds genes by words of their names, in any order', async () => {
    const inOrder = await search('collagen alpha 3 chain');
    assert.equal(inOrder[0], 'COL4A3');
    assert.deepEqual((await search('chain 3 collagen alpha')).sort(), inOrder.sort());
  });

  it('finds genes by disease and by the ids of diseases and genes', async () => {
    const alport = await search('Alport syndrome');
    for (const symbol of ['COL4A3', 'COL4A4', 'COL4A5']) assert.ok(alport.includes(symbol), symbol);
    assert.deepEqual(await search('OMIM:219800'), ['CTNS']);
    assert.equal((await search('HGNC:9008'))[0], 'PKD1');
  });

  it('forgives typing errors', async () => {
    const typos = {
      'polycistic kidny': 'PKD1',
      'alpotr syndrom': 'COL4A5',
      cystinossis: 'CTNS',
      fabri: 'GLA',
      nefronophthisis: 'NPHP1',
      'nephrotc syndrome': 'NPHS1',
      uromodlin: 'UMOD',
    };
    for (const [q, symbol] of Object.entries(typos)) assert.ok((await search(q)).includes(symbol), q);
  });

  it('forgives missing accents and plurals', async () => {
    assert.ok((await search('birt hogg dube')).includes('FLCN'));
    assert.ok((await search('Birt-Hogg-Dubé')).includes('FLCN'));
    assert.ok((await search('bartter syndromes')).includes('KCNJ1'));
  });

  it('finds genes that have some of the words when none has all', async () => {
    const found = await search('fabry alport');
    assert.ok(found.includes('GLA') && found.includes('COL4A5'));
  });

  it('leaves out one word before it leaves out more', async () => {
    const found = await search('alport syndrome cystinosis');
    assert.ok(found.includes('COL4A5') && !found.includes('KCNJ1'));
    const page = await api.json('/genes?q=alport+syndrome+cystinosis&pageSize=1&page=2');
    assert.deepEqual([page.total, page.items.length], [found.length, 1]);
    const beyond = await api.json('/genes?q=alport+syndrome+cystinosis&page=9');
    assert.deepEqual([beyond.total, beyond.items.length], [found.length, 0]);
  });

  it('fixes a symbol by one character', async () => {
    assert.ok((await search('UMDO')).includes('UMOD'));
    assert.ok((await search('COL44A5')).includes('COL4A5'));
  });

  it('finds nothing for what resembles nothing', async () => {
    assert.deepEqual(await search('zzzzqqqqxxxx'), []);
    assert.deepEqual(await search('☃'), []);
  });

  it('knows new words at once after an edit, misspelt too', async () => {
    assert.deepEqual(await search('quokkaplasia'), []);
    await api.edit('WT1', {
      diseases: [{ name: 'Quokkaplasia', omimId: null, orphaId: null, inheritance: [] }],
    });
    assert.deepEqual(await search('quokkaplasia'), ['WT1']);
    assert.deepEqual(await search('quokaplasia'), ['WT1']);
  });

  it('can be narrowed by filters and ordered otherwise', async () => {
    const narrowed = await search('nephrotic syndrome', '&group=glomerular&inheritance=AR');
    assert.ok(narrowed.includes('NPHS1') && !narrowed.includes('DGKE'));
    const ordered = await search('bartter', '&sort=-symbol');
    assert.deepEqual(ordered, [...ordered].sort().reverse());
  });

  it('answers any text at all', async () => {
    const hostile = fc.constantFrom(
      "'",
      '"',
      '\\',
      ':*',
      '&',
      '|',
      '!',
      '(',
      ')',
      '<->',
      '%',
      '_',
      '\u0000',
      '\ud800',
      ' ',
      'pkd',
      'ß',
      'é',
    );
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 60 }),
      fc.array(hostile, { maxLength: 12 }).map((parts) => parts.join('')),
    );
    await fc.assert(
      fc.asyncProperty(text, async (q) => {
        const response = await api.get(`/genes?pageSize=1&${new URLSearchParams({ q })}`);
        const { total, items } = (await response.json()) as { total: number; items: unknown[] };
        assert.equal(response.status, 200, q);
        assert.equal(items.length, Math.min(total, 1));
      }),
      { numRuns: 200 },
    );
  });

  it('finds any gene by its symbol, one typing error apart, and by each disease', async () => {
    const items = await listAll<{ symbol: string; diseases: { name: string }[] }>(api);
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...items), fc.nat(), async (gene, place) => {
        assert.equal((await search(gene.symbol))[0], gene.symbol);
        const name = gene.diseases[0]?.name ?? gene.symbol;
        assert.ok((await search(name)).includes(gene.symbol), name);
        const words = name.split(/[^\p{L}]+/u).filter((word) => word.length >= 8);
        const word = words[place % Math.max(1, words.length)];
        if (word === undefined) return;
        const at = 1 + (place % (word.length - 2));
        const typo = word.slice(0, at) + word[at + 1] + word[at] + word.slice(at + 2);
        assert.ok((await search(typo)).includes(gene.symbol), `${typo} for ${word}`);
      }),
      { numRuns: 40 },
    );
  });
});
