import { mount } from '@vue/test-utils';
import { beforeEach, describe, expect, it } from 'vitest';
import { computed, nextTick, ref } from 'vue';
import { type ColumnId, DEFAULT_COLUMNS, useColumns } from '../src/state/columns.ts';
import { diseaseLinks, evidenceAddress, geneLinks } from '../src/state/external-links.ts';
import {
  formatMilliseconds,
  formatPartialDate,
  formatRelative,
  formatShare,
  plural,
} from '../src/state/format.ts';
import { useTheme } from '../src/state/theme.ts';
import { makeGene } from './support/api.ts';

beforeEach(() => localStorage.clear());

/** Runs a composable as a component would. */
function setup<T>(use: () => T): T {
  let result: T | undefined;
  mount({
    setup() {
      result = use();
      return () => null;
    },
  });
  return result as T;
}

describe('columns', () => {
  const fromAddress = (columns: ColumnId[] | null) => useColumns(computed(() => columns));
  const ids = (columns: ReturnType<typeof useColumns>): string[] =>
    columns.shown.value.map((column) => column.id);

  it('are the default at first', () => {
    expect(ids(setup(() => fromAddress(null)))).toEqual(DEFAULT_COLUMNS);
  });

  it('are remembered, until the default is wanted again', async () => {
    const first = setup(() => fromAddress(null));
    first.remember(['aliases', 'name']);
    await nextTick();
    expect(ids(setup(() => fromAddress(null)))).toEqual(['name', 'aliases']);
    first.remember(null);
    await nextTick();
    expect(ids(setup(() => fromAddress(null)))).toEqual(DEFAULT_COLUMNS);
  });

  it('of a link win over the remembered ones and do not change them', async () => {
    setup(() => fromAddress(null)).remember(['aliases']);
    await nextTick();
    expect(ids(setup(() => fromAddress(['hgnc'])))).toEqual(['hgnc']);
    expect(ids(setup(() => fromAddress(null)))).toEqual(['aliases']);
  });

  it.each(['{', '[]', '["nothing"]', '7'])('that were stored as %s are not used', (stored) => {
    localStorage.setItem('kidney-genetics.columns', stored);
    expect(ids(setup(() => fromAddress(null)))).toEqual(DEFAULT_COLUMNS);
  });
});

describe('theme', () => {
  it('goes from the system to light to dark and back, and is remembered', async () => {
    const { theme, toggle } = setup(useTheme);
    const seen: [string, string | undefined, string | null][] = [];
    for (let step = 0; step < 4; step += 1) {
      await nextTick();
      seen.push([
        theme.value,
        document.documentElement.dataset.theme,
        localStorage.getItem('kidney-genetics.theme'),
      ]);
      toggle();
    }
    expect(seen).toEqual([
      ['system', undefined, null],
      ['light', 'light', '"light"'],
      ['dark', 'dark', '"dark"'],
      ['system', undefined, null],
    ]);
  });
});

describe('words', () => {
  it.each([
    [0, 'now'],
    [-30_000, '30 seconds ago'],
    [-100_000, '2 minutes ago'],
    [5_000, 'in 5 seconds'],
    [-3 * 86_400_000, '3 days ago'],
  ])('%i ms is %s', (offset, text) => {
    expect(formatRelative(1_000_000_000 + offset, 1_000_000_000)).toBe(text);
  });

  it.each([
    [0.42, '0.4 ms'],
    [38.4, '38 ms'],
    [1_234, '1.2 s'],
  ])('%d ms is written %s', (ms, text) => {
    expect(formatMilliseconds(ms)).toBe(text);
  });

  it.each([
    [1, 4, '25 %'],
    [1, 1_000, 'under 1 %'],
    [0, 5, '0 %'],
    [0, 0, '0 %'],
  ])('%i of %i is %s', (part, whole, text) => {
    expect(formatShare(part, whole)).toBe(text);
  });

  it.each([
    ['2023', '2023'],
    ['2023-11', 'November 2023'],
    ['2023-11-30', 'Nov 30, 2023'],
    ['soon', 'soon'],
    ['2023-99', '2023-99'],
  ])('of the date %s are %s', (date, text) => {
    expect(formatPartialDate(date)).toBe(text);
  });

  it('counts', () => {
    const count = ref(1);
    const text = computed(() => plural(count.value, 'gene'));
    expect(text.value).toBe('1 gene');
    count.value = 12_345;
    expect(text.value).toBe('12,345 genes');
  });
});

describe('links elsewhere', () => {
  it('lead to the gene', () => {
    expect(Object.fromEntries(geneLinks(makeGene()).map(({ label, href }) => [label, href]))).toEqual({
      HGNC: 'https://www.genenames.org/data/gene-symbol-report/#!/hgnc_id/HGNC%3A9008',
      OMIM: 'https://omim.org/search?index=entry&search=PKD1',
      Ensembl: 'https://www.ensembl.org/Homo_sapiens/Gene/Summary?g=PKD1',
      UniProt:
        'https://www.uniprot.org/uniprotkb?query=gene_exact%3APKD1%20AND%20organism_id%3A9606%20AND%20reviewed%3Atrue',
      Orphanet: 'https://www.orpha.net/en/disease/gene/PKD1',
      PanelApp: 'https://panelapp.genomicsengland.co.uk/panels/entities/PKD1',
      ClinGen: 'https://search.clinicalgenome.org/kb/genes/HGNC%3A9008',
      ClinVar: 'https://www.ncbi.nlm.nih.gov/clinvar/?term=PKD1%5Bgene%5D',
      gnomAD: 'https://gnomad.broadinstitute.org/gene/PKD1',
      'NCBI Gene': 'https://www.ncbi.nlm.nih.gov/gene/?term=PKD1%5Bsym%5D+AND+human%5Borgn%5D',
    });
  });

  it('stay on the site they name, whatever a symbol holds', () => {
    for (const { href } of geneLinks(makeGene({ symbol: 'A@x.org/../?#&b', hgncId: 'HGNC:1/../2' }))) {
      expect(href).not.toMatch(/@|\.\.\/|&b/);
      expect(new URL(href).protocol).toBe('https:');
    }
  });

  it.each([
    ['https://example.org/a', 'https://example.org/a'],
    ['http://example.org/a', null],
    ['javascript:alert(1)', null],
    ['//example.org', null],
    ['', null],
    [null, null],
  ])('to the source of a class are HTTPS: %s', (evidenceUrl, address) => {
    expect(evidenceAddress(makeGene({ evidenceUrl }))).toBe(address);
  });

  it('lead to the disease as far as its ids are known', () => {
    const disease = { name: 'x', inheritance: [], omimId: 'OMIM:173900', orphaId: null };
    expect(diseaseLinks(disease)).toEqual([{ label: 'OMIM:173900', href: 'https://omim.org/entry/173900' }]);
    expect(diseaseLinks({ ...disease, omimId: null, orphaId: 'ORPHA:730' })[0]?.href).toBe(
      'https://www.orpha.net/en/disease/detail/730',
    );
    expect(diseaseLinks({ ...disease, omimId: null })).toEqual([]);
  });
});
