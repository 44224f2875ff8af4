import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { formatGeneRow, formatHeader } from '../../backend/src/genes/table.ts';
import {
  chromosomes,
  evidenceClasses,
  type GeneContent,
  inheritanceCodes,
} from '../../backend/src/schemas/gene.ts';
import { findClashes, readGeneTable } from '../lib/app/gene-table.ts';

const head = 'symbol,hgncId,name,chromosome,diseaseGroup';

/** Texts as genes may have them: anything but control characters, separators and spaces at the ends. */
const text = (maxLength: number) =>
  fc
    .string({
      unit: fc.oneof(
        fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1 }),
        fc.constantFrom(...'=+-@\'",;\t {OMIM:}'),
      ),
      minLength: 1,
      maxLength,
    })
    .map((value) => value.replace(/[|{}\p{Cc}\p{Zl}\p{Zp}\p{Cs}]/gu, '').trim())
    .filter((value) => value !== '' && [...value].length <= maxLength);
const codes = fc.uniqueArray(fc.constantFrom(...inheritanceCodes), { maxLength: 3 });
const digits = (length: number) =>
  fc.string({ unit: fc.constantFrom(...'0123456789'), minLength: length, maxLength: length });
const gene = fc.record({
  symbol: fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._@-]{0,9}$/),
  hgncId: fc.integer({ min: 1, max: 999_999_999 }).map((id) => `HGNC:${id}`),
  name: text(40),
  aliases: fc.uniqueArray(text(12), { maxLength: 4 }),
  chromosome: fc.constantFrom(...chromosomes),
  band: fc.constantFrom('', '16p13.3', '6p12.3-p12.2', 'Xq28'),
  inheritance: codes,
  diseaseGroup: fc.constantFrom('cystic', 'tumour', 'any-other-1'),
  evidence: fc.constantFrom(...evidenceClasses, null),
  evidenceSource: fc.option(text(40), { nil: null }),
  evidenceDate: fc.constantFrom('2023', '2023-11', '2024-02-29', '1999-12-31', null),
  evidenceUrl: fc.constantFrom(
    'https://example.org',
    "https://a-b.example.org:8443/x?y=1,2;z=(3)&'#!/4",
    null,
  ),
  diseases: fc.array(
    fc.record({
      name: text(30),
      omimId: fc.option(
        digits(6).map((id) => `OMIM:${id}`),
        { nil: null },
      ),
      orphaId: fc.option(
        digits(4).map((id) => `ORPHA:${id}`),
        { nil: null },
      ),
      inheritance: codes,
    }),
    { maxLength: 3 },
  ),
});

describe('a table of genes', () => {
  it('read again is what was written, whatever the texts hold', () => {
    const genes = fc.uniqueArray(gene, {
      maxLength: 5,
      comparator: (a, b) => a.hgncId === b.hgncId || a.symbol.toUpperCase() === b.symbol.toUpperCase(),
    });
    fc.assert(
      fc.property(genes, fc.constantFrom('csv' as const, 'tsv' as const), (list, format) => {
        const written = formatHeader(format) + list.map((one) => formatGeneRow(one, format)).join('');
        const read = readGeneTable(written);
        assert.deepEqual(read.problems, []);
        assert.deepEqual(
          read.genes.map((one) => one.gene),
          structuredClone(list) as GeneContent[],
        );
        assert.deepEqual(
          read.genes.map(({ line }) => line),
          list.map((_, index) => index + 2),
        );
      }),
      { numRuns: 300 },
    );
  });

  it('is read or refused, and never breaks the reader, whatever a file holds', () => {
    const piece = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 10 }),
      fc.constantFrom(',', '"', '\n', '\r\n', '\t', '|', '{', '}', "'="),
    );
    fc.assert(
      fc.property(fc.boolean(), fc.array(piece, { maxLength: 40 }), (headed, pieces) => {
        const { genes, problems } = readGeneTable((headed ? `${head}\n` : '') + pieces.join(''));
        for (const { line, problem } of problems) assert.ok(line >= 1 && problem.length > 0);
        for (const { gene: one } of genes) assert.match(one.hgncId, /^HGNC:\d+$/);
      }),
      { numRuns: 300 },
    );
  });

  it('may come from a spreadsheet: byte order mark, semicolons, empty lines, other order, fewer columns', () => {
    const { genes, problems } = readGeneTable(
      '\ufeffdiseaseGroup;symbol;name;chromosome;hgncId\r\n\r\ncystic; PKD1 ;"a; name";16;HGNC:9008\r\n\r\n',
    );
    assert.deepEqual(problems, []);
    const source = { evidenceSource: null, evidenceDate: null, evidenceUrl: null };
    const expected = { aliases: [], band: '', inheritance: [], evidence: null, ...source, diseases: [] };
    assert.deepEqual(genes, [
      {
        line: 3,
        gene: {
          symbol: 'PKD1',
          hgncId: 'HGNC:9008',
          name: 'a; name',
          chromosome: '16',
          diseaseGroup: 'cystic',
          ...expected,
        },
      },
    ]);
  });

  it('tells all that is wrong, by line and column', () => {
    const rows = [
      'symbol,hgncId,name,chromosome,diseaseGroup,inheritance,evidence,evidenceDate,evidenceUrl,diseases,aliases',
      'A1,HGNC:1,"broken\nname",1,cystic,,,,,,',
      'A 2,9008,ok,23,,AD | XX,some,2023-02-30,http://example.org,Good {OMIM:17; AD},x | x',
      'a1,HGNC:1,ok,1,cystic,,,,,"Two {OMIM:173900; OMIM:173901} | {AD}",',
      'A3,HGNC:3,ok,1',
      'A4,HGNC:4,,MT,cystic,,,,,A {nonsense},',
    ];
    const { genes, problems } = readGeneTable(rows.join('\r\n'));
    assert.deepEqual(genes, []);
    assert.deepEqual(
      problems.map(({ line, column, problem }) => `${line} ${column}: ${problem.split(' of ')[0]}`),
      [
        '2 name: "broken\\nname" has a character that is not allowed here, or a space at an end',
        '4 symbol: "A 2" must look like PKD1',
        '4 aliases: must NOT have duplicate items (items ## 1 and 0 are identical)',
        '4 chromosome: "23" must be one',
        '4 inheritance: "XX" must be one',
        '4 diseaseGroup: is empty',
        '4 evidence: "some" must be one',
        '4 evidenceDate: "2023-02-30" must look like 2023-11',
        '4 evidenceUrl: "http://example.org" must look like https://search.clinicalgenome.org/kb/genes/HGNC:9008',
        '4 diseases: "OMIM:17" must look like OMIM:173900',
        '5 diseases: "Two {OMIM:173900; OMIM:173901}" has several ids OMIM:',
        '5 diseases: "{AD}" is not',
        '5 symbol: "a1" is on line 2 as well',
        '5 hgncId: "HGNC:1" is on line 2 as well',
        '6 : has 4 cells, not 11',
        '7 name: is empty',
        '7 diseases: "nonsense" must be one',
      ],
    );
  });

  it('is refused whole when its head or its quotes are wrong', () => {
    const problemsOf = (file: string) =>
      readGeneTable(file).problems.map(
        ({ line, column, problem }) => `${line} ${column}: ${problem.split(';')[0]}`,
      );
    assert.deepEqual(problemsOf('symbol,hgncId,name,colour,symbol,chromosome'), [
      '1 diseaseGroup: this column is missing',
      '1 colour: no such column',
      '1 symbol: is there twice',
    ]);
    assert.equal(problemsOf('').length, 5);
    assert.match(problemsOf(`${head}\nA,"b`)[0] ?? '', /^2 : Quote Not Closed/);
  });

  it('takes what is clear in the spelling of a person', () => {
    const rows = [
      'symbol,hgncId,name,chromosome,band,diseaseGroup,inheritance,evidence,diseases',
      'A1,90003,x,chr4,4q25,Cystic Kidney,ad,Definitive,One {173900; ar} | Two {MIM 173910; orpha: 730}',
      'A2,hgnc: 7,x,chrX,Xq28,cystic,xld,STRONG,',
      'A3,HGNC:8,x,chrM,,cystic,,,Three {#OMIM:173900}',
    ];
    const { genes, problems } = readGeneTable(rows.join('\n'));
    assert.deepEqual(
      problems.map(({ line, problem }) => [line, problem]),
      [[4, '"#OMIM:173900" must be one of AD, AR, XL, XLD, XLR, MT, digenic']],
    );
    assert.deepEqual(
      genes.map(({ gene }) => [
        gene.hgncId,
        gene.chromosome,
        gene.diseaseGroup,
        gene.inheritance,
        gene.evidence,
      ]),
      [
        ['HGNC:90003', '4', 'cystic-kidney', ['AD'], 'definitive'],
        ['HGNC:7', 'X', 'cystic', ['XLD'], 'strong'],
      ],
    );
    assert.deepEqual(genes[0]?.gene.diseases, [
      { name: 'One', omimId: 'OMIM:173900', orphaId: null, inheritance: ['AR'] },
      { name: 'Two', omimId: 'OMIM:173910', orphaId: 'ORPHA:730', inheritance: [] },
    ]);
  });

  it('is looked at to its end, whatever one quote does', () => {
    const { problems, rows } = readGeneTable(
      `${head}\nA1,HGNC:1,"x,1,cystic\nA 2,HGNC:2,y,1,cystic\nA3,HGNC:3,z,99,cystic\n`,
    );
    assert.deepEqual(
      problems.map(({ line, column }) => [line, column]),
      [
        [2, ''],
        [3, 'symbol'],
        [4, 'chromosome'],
      ],
    );
    assert.equal(rows, 3);
  });

  it('leaves the group to the database, and compares band and chromosome', () => {
    const { genes, problems } = readGeneTable(
      'symbol,hgncId,name,chromosome,band,diseaseGroup\nA,HGNC:1,x,5,4q25,Glomerular',
    );
    assert.deepEqual(problems, []);
    assert.deepEqual(findClashes(genes), [
      { line: 2, column: 'band', problem: '"4q25" is not on chromosome 5' },
    ]);
    for (const [chromosome, band] of [
      ['5', '5q31'],
      ['X', 'Xp22.3-p22.2'],
      ['1', '1cen-q21'],
      ['11', '11q13'],
      ['MT', 'mitochondria'],
      ['5', ''],
    ] as const) {
      const [gene] = genes;
      assert.ok(gene);
      assert.deepEqual(findClashes([{ line: 2, gene: { ...gene.gene, chromosome, band } }]), [], band);
    }
  });
});
