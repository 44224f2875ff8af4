import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { listAll, startApi, symbolsOf, type TestApi } from '../support/api.ts';

interface Gene {
  symbol: string;
  hgncId: string;
  name: string;
  chromosome: string;
  inheritance: string[];
  diseaseGroup: string;
  evidence: string | null;
  diseases: { name: string; omimId: string | null; orphaId: string | null }[];
}

describe('the list of genes', () => {
  let api: TestApi;
  let all: Gene[];
  before(async () => {
    api = await startApi('genes');
    await api.edit('PKD1', { evidence: 'definitive' });
    // Which takes its source with it.
    await api.edit('GANAB', { evidence: 'moderate' });
    all = await listAll<Gene>(api);
  });
  after(() => api?.close());

  const matching = (test: (gene: Gene) => boolean) =>
    all
      .filter(test)
      .map(({ symbol }) => symbol)
      .sort();

  it('is ordered by symbol and paged by 25 unless asked otherwise', async () => {
    const page = await api.json('/genes');
    assert.deepEqual(symbolsOf(page), matching(() => true).slice(0, 25));
    assert.deepEqual([page.page, page.pageSize, page.total], [1, 25, all.length]);
    assert.equal(page.pages, Math.ceil(all.length / 25));
  });

  it('is whole when its links are followed from the first page to the last and back', async () => {
    const seen: string[] = [];
    let address: string | null = '/api/v1/genes?pageSize=7&sort=-name&inheritance=AD';
    let last = address;
    while (address !== null) {
      const page: { items: Gene[]; links: Record<string, string | null> } = await api.json(address);
      seen.push(...page.items.map(({ symbol }) => symbol));
      assert.equal(page.links.self, await selfOf(address));
      last = address;
      address = page.links.next ?? null;
    }
    assert.deepEqual(
      [...seen].sort(),
      matching(({ inheritance }) => inheritance.includes('AD')),
    );
    const end = await api.json(last);
    assert.equal(end.links.last, end.links.self);
    const before = await api.json(end.links.prev);
    assert.equal(before.links.next, end.links.self);
    assert.equal((await api.json(end.links.first)).page, 1);
  });

  const selfOf = async (address: string) => (await api.json(address)).links.self;

  it('is empty past its end, and leads back', async () => {
    const page = await api.json('/genes?page=1000');
    assert.deepEqual([page.items, page.total, page.links.next], [[], all.length, null]);
    assert.ok((await api.json(page.links.prev)).items.length > 0);
  });

  it('can be filtered by group, inheritance, chromosome and evidence, by several values each', async () => {
    const filters: [string, (gene: Gene) => boolean][] = [
      ['group=cystic', ({ diseaseGroup }) => diseaseGroup === 'cystic'],
      ['group=cystic&group=tumour', ({ diseaseGroup }) => /cystic|tumour/.test(diseaseGroup)],
      ['inheritance=AR', ({ inheritance }) => inheritance.includes('AR')],
      [
        'inheritance=XL&inheritance=AD',
        ({ inheritance }) => inheritance.some((code) => /^(XL|AD)$/.test(code)),
      ],
      ['chromosome=X', ({ chromosome }) => chromosome === 'X'],
      ['chromosome=16&chromosome=4', ({ chromosome }) => /^(16|4)$/.test(chromosome)],
      ['evidence=definitive', ({ evidence }) => evidence === 'definitive'],
      ['group=cystic&inheritance=AD&chromosome=16&evidence=definitive', ({ symbol }) => symbol === 'PKD1'],
      ['group=no-such-group', () => false],
    ];
    for (const [query, test] of filters) {
      const items = await listAll<Gene>(api, query);
      assert.deepEqual(symbolsOf({ items }).sort(), matching(test), query);
      assert.equal((await api.json(`/genes?${query}`)).total, matching(test).length);
    }
  });

  it('can be sorted by each column, both ways', async () => {
    const rank = (chromosome: string) => ({ X: 23, Y: 24, MT: 25 })[chromosome] ?? Number(chromosome);
    const classes = ['definitive', 'strong', 'moderate', 'limited', null];
    const keys: Record<string, (gene: Gene) => string | number> = {
      symbol: ({ symbol }) => symbol,
      name: ({ name }) => name.toLowerCase(),
      chromosome: ({ chromosome }) => rank(chromosome),
      group: ({ diseaseGroup }) => diseaseGroup,
      evidence: ({ evidence }) => classes.indexOf(evidence),
    };
    for (const [sort, key] of Object.entries(keys)) {
      const up = (await listAll<Gene>(api, `sort=${sort}`)).map(key);
      const sorted = [...up].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
      assert.deepEqual(up, sorted, sort);
      const down = (await listAll<Gene>(api, `sort=-${sort}`)).map(key);
      assert.deepEqual(down, sorted.reverse(), `-${sort}`);
    }
  });

  it('means the same however a selection is written', async () => {
    const written = await selfOf(
      '/genes?chromosome=4&chromosome=16&q=%20pkd%20%20&page=1&sort=relevance&group=',
    );
    assert.equal(written, '/api/v1/genes?q=pkd&chromosome=16&chromosome=4');
    assert.equal(await selfOf(written), written);
  });

  it('gives one gene by symbol or HGNC id, in any case, with its diseases and evidence', async () => {
    const gene = await api.json('/genes/PKD1');
    assert.deepEqual(await api.json('/genes/hgnc:9008'), gene);
    assert.deepEqual(await api.json('/genes/pkd1'), gene);
    assert.equal(gene.evidence, 'definitive');
    assert.equal(gene.diseases[0].omimId, 'OMIM:173900');
    const missing = await api.get('/genes/NOSUCHGENE');
    assert.equal(missing.status, 404);
    assert.match(((await missing.json()) as { detail: string }).detail, /NOSUCHGENE/);
  });

  it('counts its groups', async () => {
    const { items } = await api.json('/disease-groups');
    for (const { slug, genes, name } of items as { slug: string; genes: number; name: string }[]) {
      assert.equal(genes, matching(({ diseaseGroup }) => diseaseGroup === slug).length, slug);
      assert.ok(name.length > 0);
    }
    assert.deepEqual(
      new Set(items.map(({ slug }: { slug: string }) => slug)),
      new Set(all.map(({ diseaseGroup }) => diseaseGroup)),
    );
  });

  it('is summed up by the statistics', async () => {
    const statistics = await api.json('/statistics');
    const sum = (counts: { count: number }[]) => counts.reduce((total, { count }) => total + count, 0);
    const diseases = all.flatMap((gene) => gene.diseases);
    assert.equal(statistics.genes, all.length);
    assert.equal(
      statistics.diseases,
      new Set(diseases.map(({ omimId, orphaId, name }) => omimId ?? orphaId ?? name.toLowerCase())).size,
    );
    for (const counts of [statistics.byGroup, statistics.byChromosome, statistics.byEvidence])
      assert.equal(sum(counts), all.length);
    assert.equal(sum(statistics.byInheritance), all.flatMap(({ inheritance }) => inheritance).length);
    assert.equal(sum(statistics.evidenceSources), all.filter(({ evidence }) => evidence !== null).length);
    assert.deepEqual(statistics.evidenceSources[0], { source: 'ClinGen', date: '2023-11', count: 70 });
    const places = statistics.byChromosome.map(({ key }: { key: string }) => key);
    assert.deepEqual(
      places,
      [...places].sort((a, b) => (Number(a) || 23) - (Number(b) || 23)),
    );
  });

  it('says what the server is', async () => {
    const meta = await api.json('/meta');
    assert.deepEqual(
      [meta.version, meta.revision, meta.apiVersion, meta.genes],
      ['1.2.3', 'abcdef', 'v1', all.length],
    );
    const { updatedAt } = await api.json('/statistics');
    assert.equal(meta.dataChangedAt, new Date(updatedAt).toISOString());
  });
});

describe('the changes', () => {
  let api: TestApi;
  before(async () => {
    api = await startApi('changes');
  });
  after(() => api?.close());

  it('are numbered in order, and hold the genes', async () => {
    const { latestSeq } = await api.json('/meta');
    await api.edit('PKD1', { name: 'first' });
    await api.edit('PKD2', { name: 'second' });
    const { items, latest, complete } = await api.json(`/changes?since=${latestSeq}`);
    assert.deepEqual(
      items.map(({ op, gene }: { op: string; gene: { name: string } }) => [op, gene.name]),
      [
        ['update', 'first'],
        ['update', 'second'],
      ],
    );
    assert.equal(latest, items[1].seq);
    assert.equal(complete, true);
    assert.ok(items[0].seq > latestSeq && items[1].seq > items[0].seq);
    assert.deepEqual((await api.json(`/changes?since=${latest}`)).items, []);
  });

  it('can be read in portions', async () => {
    // The groups came first, and are no changes of genes.
    const all = (await api.json('/changes?since=1&limit=1000')).items as { seq: number }[];
    const seen: { seq: number }[] = [];
    for (let since = 1; ; ) {
      const { items } = (await api.json(`/changes?since=${since}&limit=30`)) as { items: { seq: number }[] };
      if (items.length === 0) break;
      seen.push(...items);
      since = items.at(-1)?.seq ?? 0;
    }
    assert.ok(all.length > 60);
    assert.deepEqual(seen, all);
  });

  it('tell of genes that came and went, and of an edit that changes nothing tell nothing', async () => {
    const { main } = api.app.database;
    const { latest } = await api.json('/changes?limit=1');
    await main.query(`insert into genes (hgnc_id, symbol, name, chromosome, disease_group, band)
      values ('HGNC:99999', 'TEST1', 'test', '1', 'cystic', '')`);
    await main.query(`update genes set symbol = 'TEST2' where symbol = 'TEST1'`);
    await main.query(`delete from genes where symbol = 'TEST2'`);
    await api.edit('PKD1', { name: (await api.json('/genes/PKD1')).name });
    const { items } = await api.json(`/changes?since=${latest}`);
    assert.deepEqual(
      items.map(({ op, symbol, gene }: Record<string, unknown>) => [op, symbol, gene]),
      [
        ['insert', 'TEST1', null],
        ['update', 'TEST2', null],
        ['delete', 'TEST1', null],
        ['delete', 'TEST2', null],
      ],
    );
  });

  it('say so when they can no longer be listed', async () => {
    const { latest } = await api.json('/changes?limit=1');
    assert.equal((await api.json(`/changes?since=${latest + 1000}`)).complete, false);
    await api.app.database.main.query(
      `update disease_groups set description = 'other' where slug = 'cystic'`,
    );
    const feed = await api.json(`/changes?since=${latest}`);
    assert.deepEqual([feed.items, feed.complete], [[], false]);
    assert.ok(feed.latest > latest);
  });
});
