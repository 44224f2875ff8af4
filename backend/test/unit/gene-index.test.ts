import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { normalizeSelection } from '../../src/genes/selection.ts';
import { chromosomes } from '../../src/schemas/gene.ts';
import { compactText, foldWords } from '../../src/search/fold.ts';
import { GeneIndex, type IndexedGene } from '../../src/search/gene-index.ts';
import { isOneEdit } from '../../src/search/similar-words.ts';
import { sortInTurns } from '../../src/search/sort-in-turns.ts';

const words = ['renal', 'tubular', 'cyst', 'collagen', 'podocyte', 'acidosis'];

function makeGene(n: number): IndexedGene {
  return {
    hgncId: `HGNC:${n + 1}`,
    symbol: `GEN${String(n).padStart(5, '0')}`,
    name: `${words[n % 6]} ${words[(n * 7 + 1) % 6]} ${n % 50}`,
    aliases: [`ALT-${n}`],
    chromosome: chromosomes[n % chromosomes.length] ?? '1',
    inheritance: n % 2 ? ['AD'] : ['AR', 'XL'],
    diseaseGroup: n % 3 ? 'cystic' : 'tubulopathy',
    evidence: n % 5 ? null : 'limited',
    evidenceSource: null,
    evidenceDate: null,
    diseases: [{ name: `Disease ${n}`, omimId: null, orphaId: null, inheritance: [] }],
  };
}

async function build(genes: readonly IndexedGene[]): Promise<GeneIndex> {
  const sorted = [...genes].sort((a, b) => (a.symbol < b.symbol ? -1 : 1));
  return GeneIndex.build(
    (async function* () {
      yield* sorted;
    })(),
  );
}

const list = (index: GeneIndex, query: Parameters<typeof normalizeSelection>[0], offset = 0, limit = 1e9) =>
  index.list(normalizeSelection(query), offset, limit);

test('a search that most genes match lists all of them, in the order that was asked for', async () => {
  const genes = Array.from({ length: 5000 }, (_, n) => makeGene(n));
  const index = await build(genes);
  const byName = [...genes].sort((a, b) =>
    a.name < b.name ? -1 : a.name > b.name ? 1 : a.symbol < b.symbol ? -1 : 1,
  );
  assert.deepEqual(
    list(index, { q: 'gen', sort: 'name' }).ids,
    byName.map(({ hgncId }) => hgncId),
  );
  const page = list(index, { q: 'gen', sort: '-chromosome' }, 4990, 20);
  assert.equal(page.total, 5000);
  assert.equal(page.ids.length, 10);
  // By relevance: the gene that has the word in its name comes before those that have it in a disease alone.
  const found = list(index, { q: 'acidosis' });
  assert.equal(found.total, genes.filter(({ name }) => name.includes('acidosis')).length);
});

test('an index that followed changes answers as one that was built from their result', async () => {
  const selections = [
    {},
    { q: 'renal' },
    { q: 'renl cyst' },
    { q: 'gen0001' },
    { q: 'alt-12' },
    { q: 'unheard of 12' },
    { sort: 'name' as const },
    { sort: '-name' as const, chromosome: ['X' as const] },
    { sort: '-group' as const, inheritance: ['AD' as const] },
    { sort: 'evidence' as const, group: ['cystic'] },
  ];
  const change = fc.record({ n: fc.nat(60), as: fc.option(fc.nat(80), { nil: null }) });
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(change, { maxLength: 8 }), { maxLength: 4 }), async (rounds) => {
      const genes = new Map(Array.from({ length: 50 }, (_, n) => [`HGNC:${n + 1}`, makeGene(n)]));
      const index = await build([...genes.values()]);
      for (const round of rounds) {
        const changes = new Map(
          round.map(({ n, as }) => {
            const { hgncId, symbol } = makeGene(n);
            return [hgncId, as === null ? null : { ...makeGene(as), hgncId, symbol }];
          }),
        );
        for (const [id, gene] of changes) if (gene) genes.set(id, gene);
        for (const [id, gene] of changes) if (!gene) genes.delete(id);
        await index.apply([...changes].map(([hgncId, gene]) => ({ hgncId, gene })));
      }
      const anew = await build([...genes.values()]);
      assert.equal(index.size, anew.size);
      assert.deepEqual(index.summarize(), anew.summarize());
      for (const selection of selections)
        assert.deepEqual(list(index, selection), list(anew, selection), JSON.stringify(selection));
    }),
    { numRuns: 60 },
  );
});

test('each version of a gene counts as a change, so that one which is edited for ever does not fill the memory', async () => {
  const index = await build([makeGene(0), makeGene(1)]);
  assert.equal(index.changes, 0);
  const { hgncId } = makeGene(1);
  for (let edit = 0; edit < 5; edit += 1)
    await index.apply([{ hgncId, gene: { ...makeGene(1), name: `edit ${edit}` } }]);
  assert.equal(index.changes, 5);
  await index.apply([{ hgncId, gene: null }]);
  assert.equal(index.changes, 6);
});

test('a word that no gene has any more is a misspelt one, and nobody is corrected to it', async () => {
  const name = (name: string) => ({ ...makeGene(1), name });
  const index = await build([
    makeGene(0),
    name('polycistic thing'),
    { ...makeGene(2), name: 'polycystic other' },
  ]);
  await index.apply([{ hgncId: makeGene(1).hgncId, gene: name('another') }]);
  for (const q of ['polycistic', 'polycisti'])
    assert.deepEqual(list(index, { q }).ids, [makeGene(2).hgncId], q);
});

test('texts are folded as they are compared: case, accents, ligatures and separators make no difference', () => {
  const table: [text: string, words: string[]][] = [
    ['Birt-Hogg-Dubé', ['birt', 'hogg', 'dube']],
    ['HLA-DRB1*15:01', ['hla', 'drb1', '15', '01']],
    ['Weiß, Łódź; ﬁn', ['weiss', 'lodz', 'fin']],
    ['İstanbul', ['istanbul']],
    ['☃ \ud800', []],
    ['β-catenin', ['β', 'catenin']],
  ];
  for (const [text, expected] of table) assert.deepEqual(foldWords(text), expected, text);
  assert.equal(compactText('HLA-DRB1'), 'hladrb1');
});

test('one edit is a character more, less, another, or two swapped', () => {
  const near = ['umdo umod', 'abc abcd', 'abcd bcd', 'abc adc', 'kidny kidney', 'ab ba'];
  const far = ['abc abc', 'abcd badc', 'abc a', 'abcd dbca', 'abc bca'];
  const judge = (pair: string) => isOneEdit(...(pair.split(' ') as [string, string]));
  assert.deepEqual([near.filter(judge), far.filter(judge)], [near, []]);
});

test('sorting in turns sorts as sort() does', async () => {
  const texts = Array.from({ length: 30_000 }, (_, n) => String((n * 7919) % 30_011));
  assert.deepEqual(await sortInTurns(texts), [...texts].sort());
  assert.deepEqual(await sortInTurns([]), []);
});
