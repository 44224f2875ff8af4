import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { formatGeneRow, formatHeader } from '../../src/genes/table.ts';
import { formatRow } from '../../src/lib/delimited.ts';

const gene = {
  symbol: 'PKD1',
  hgncId: 'HGNC:9008',
  name: 'polycystin 1, transient receptor potential channel interacting',
  aliases: ['PBP', 'TRPP1'],
  chromosome: '16' as const,
  band: '16p13.3',
  inheritance: ['AD' as const],
  diseaseGroup: 'cystic',
  evidence: 'definitive' as const,
  evidenceSource: 'ClinGen',
  evidenceDate: '2023-11',
  evidenceUrl: 'https://example.org/a?b=1,2',
  diseases: [
    {
      name: 'Polycystic kidney disease 1',
      omimId: 'OMIM:173900',
      orphaId: null,
      inheritance: ['AD' as const],
    },
    { name: 'Something "rare"', omimId: null, orphaId: null, inheritance: [] },
  ],
};

test('a table begins with the names of the columns', () => {
  const names =
    'symbol hgncId name aliases chromosome band inheritance diseaseGroup evidence evidenceSource evidenceDate evidenceUrl diseases';
  assert.equal(formatHeader('csv'), `${names.replaceAll(' ', ',')}\r\n`);
  assert.equal(formatHeader('tsv'), `${names.replaceAll(' ', '\t')}\r\n`);
});

test('a gene is one row, its lists joined, its diseases with their ids', () => {
  const cells = (format: 'csv' | 'tsv') =>
    (parse(formatGeneRow(gene, format), { delimiter: format === 'csv' ? ',' : '\t' }) as string[][])[0];
  assert.deepEqual(cells('csv'), cells('tsv'));
  assert.deepEqual(cells('csv'), [
    'PKD1',
    'HGNC:9008',
    'polycystin 1, transient receptor potential channel interacting',
    'PBP | TRPP1',
    '16',
    '16p13.3',
    'AD',
    'cystic',
    'definitive',
    'ClinGen',
    '2023-11',
    'https://example.org/a?b=1,2',
    'Polycystic kidney disease 1 {OMIM:173900; AD} | Something "rare"',
  ]);
});

test('any cells come back as they were, and no spreadsheet takes one for a formula', () => {
  const cell = fc.oneof(
    fc.string({ unit: 'grapheme' }),
    fc.constantFrom(
      '=1+1',
      "'=x",
      '@a',
      '-1',
      '\tx',
      'a\r\nb',
      '"',
      'a;=1',
      "a;'=1",
      ';+',
      ',-1',
      '\t@x',
      ';;=1',
      'x;"=1',
    ),
  );
  fc.assert(
    fc.property(
      fc.array(cell, { minLength: 2, maxLength: 8 }),
      fc.constantFrom(',' as const, '\t' as const),
      (cells, delimiter) => {
        const [row = [], ...more] = parse(formatRow(cells, delimiter), { delimiter }) as string[][];
        assert.equal(more.length, 0);
        for (const written of row) assert.doesNotMatch(written, /^[=+\-@\t\r]|[;,\t][=+\-@]/);
        assert.deepEqual(
          row.map((written) => written.replace(/([;,\t]"*)'(?='*[=+\-@])/g, '$1').replace(/^'/, '')),
          cells,
        );
      },
    ),
  );
});
