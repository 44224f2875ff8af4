import { Ajv } from 'ajv';
import { CsvError, parse } from 'csv-parse/sync';
import { columns } from '../../../backend/src/genes/table.ts';
import { describeIssue, nameParameter } from '../../../backend/src/lib/issues.ts';
import {
  type GeneContent,
  GeneContent as GeneSchema,
  inheritanceCodes,
} from '../../../backend/src/schemas/gene.ts';
import { toPrintable } from '../process/printable.ts';

/** A gene and the line of the file that it begins on. */
export interface GeneLine {
  line: number;
  gene: GeneContent;
}

/** What is wrong with a row, and where. */
export interface RowProblem {
  line: number;
  /** Name of the column; empty where the row as a whole is wrong. */
  column: string;
  problem: string;
}

export interface GeneTable {
  genes: GeneLine[];
  /** The genes of all rows that could be taken apart, those with problems too. */
  read: GeneLine[];
  problems: RowProblem[];
  rows: number;
}

/** A row as the parser gives it. */
interface ParsedRow {
  record: string[];
  raw: string;
  info: { lines: number };
}

const needed = ['symbol', 'hgncId', 'name', 'chromosome', 'diseaseGroup'];
const validate = new Ajv({ allErrors: true, strict: false, verbose: true }).compile(GeneSchema);

/**
 * Reads a table of genes in the format of the API's export: comma, semicolon or tab between cells, one row a gene.
 * Columns may stand in any order; those that are not needed may be missing.
 *
 * @param text the whole file
 * @returns the genes of the good rows, and all problems by line
 */
export function readGeneTable(text: string): GeneTable {
  const { rows, problems } = parseRows(text);
  const [head, ...body] = rows;
  const names = (head?.record ?? []).map((name) => name.trim());
  const badHead = findHeadProblems(names);
  if (badHead.length > 0)
    return { genes: [], read: [], problems: [...problems, ...badHead].map(toShown), rows: body.length };
  const genes: GeneLine[] = [];
  const all: GeneLine[] = [];
  const seen = { symbol: new Map<string, number>(), hgncId: new Map<string, number>() };
  for (const row of body) {
    const line = firstLine(row);
    const { gene, found } = readRow(names, row.record);
    found.push(...findRepeats(gene, line, seen));
    for (const [column, problem] of found) problems.push({ line, column, problem });
    if (found.length === 0) genes.push({ line, gene });
    if (row.record.length === names.length) all.push({ line, gene });
  }
  const lines = [...body.map(firstLine), ...problems.map(({ line }) => line)];
  return {
    ...{ genes, read: all, rows: new Set(lines).size },
    problems: problems.toSorted((a, b) => a.line - b.line).map(toShown),
  };
}

/** What a cell or the head says is shown in one line, whatever it holds. */
function toShown({ line, column, problem }: RowProblem): RowProblem {
  return { line, column: toPrintable(column, 60), problem: toPrintable(problem) };
}

/** A quote that is not closed would swallow all that follows: each line is then read by itself, so that the rest is looked at too. */
function parseRows(text: string): { rows: ParsedRow[]; problems: RowProblem[] } {
  const delimiter = ['\t', ';', ','].find((character) => (text.split('\n', 1)[0] ?? '').includes(character));
  const options = { bom: true, info: true, raw: true, relax_column_count: true, skip_empty_lines: true };
  const read = (part: string) =>
    parse(part, { ...options, delimiter: delimiter ?? ',' }) as unknown as ParsedRow[];
  try {
    return { rows: read(text), problems: [] };
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
  }
  const rows: ParsedRow[] = [];
  const problems: RowProblem[] = [];
  for (const [index, part] of text.split(/\r?\n/).entries()) {
    try {
      rows.push(...read(part).map(({ record, raw }) => ({ record, raw, info: { lines: index + 1 } })));
    } catch (error) {
      if (!(error instanceof CsvError)) throw error;
      problems.push({
        line: index + 1,
        column: '',
        problem: `${error.message.replace(/ (at|on) line \d+.*$/, '')}: a quote is wrong`,
      });
    }
  }
  return { rows, problems };
}

/** The parser counts lines at the end of a row, whose quoted cells may hold line ends. */
function firstLine({ raw, info }: ParsedRow): number {
  return info.lines - (raw.trimEnd().split('\n').length - 1);
}

function findHeadProblems(names: readonly string[]): RowProblem[] {
  const known: readonly string[] = columns;
  const problems = [
    ...needed
      .filter((name) => !names.includes(name))
      .map((name) => [name, 'this column is missing'] as const),
    ...names.filter((name) => !known.includes(name)).map((name) => [name, 'no such column'] as const),
    ...names
      .filter((name, index) => names.indexOf(name) < index)
      .map((name) => [name, 'is there twice'] as const),
  ];
  return problems.map(([column, problem]) => ({
    line: 1,
    column,
    problem: `${problem}; columns: ${columns.join(', ')}`,
  }));
}

type Found = [column: string, problem: string];

function readRow(names: readonly string[], record: readonly string[]): { gene: GeneContent; found: Found[] } {
  const cells = new Map(names.map((name, index) => [name, readCell(record[index] ?? '')]));
  const found: Found[] = [];
  const cell = (name: string) => cells.get(name) ?? '';
  const gene = {
    symbol: cell('symbol'),
    hgncId: readId('HGNC', cell('hgncId')),
    name: cell('name'),
    aliases: readList(cell('aliases')),
    chromosome: cell('chromosome')
      .replace(/^chr(omosome)?[\s_]*/i, '')
      .toUpperCase()
      .replace(/^M$/, 'MT'),
    band: cell('band'),
    inheritance: readList(cell('inheritance')).map(readInheritance),
    diseaseGroup: toSlug(cell('diseaseGroup')),
    evidence: cell('evidence').toLowerCase() || null,
    evidenceSource: cell('evidenceSource') || null,
    evidenceDate: cell('evidenceDate') || null,
    evidenceUrl: cell('evidenceUrl') || null,
    diseases: readList(cell('diseases')).map((text) => readDisease(text, found)),
  } as GeneContent;
  if (record.length !== names.length)
    return { gene, found: [['', `has ${record.length} cells, not ${names.length}`]] };
  // Which disease groups there are the database alone knows.
  const issues = validate(gene)
    ? []
    : describeIssues(gene).filter(([column]) => column !== 'diseaseGroup' || cell(column) === '');
  return {
    gene,
    found: [...issues.filter(([column]) => !found.some(([other]) => other === column)), ...found],
  };
}

/** `90003`, `mim 173900` or `OMIM:173900`: an id is clear without its prefix where one kind alone is meant. */
function readId(prefix: 'HGNC' | 'OMIM' | 'ORPHA', text: string): string {
  const [, number] = new RegExp(`^(?:${ID_WORDS[prefix]})?[\\s:#]*(\\d+)$`, 'i').exec(text) ?? [];
  return number === undefined ? text : `${prefix}:${number}`;
}

const ID_WORDS = { HGNC: 'HGNC', OMIM: 'OMIM|MIM', ORPHA: 'ORPHA|ORPHANET' };

/** A code in the letters of the schema: `ad` is AD. */
function readInheritance(text: string): GeneContent['inheritance'][number] {
  return inheritanceCodes.find((code) => code.toLowerCase() === text.toLowerCase()) ?? (text as 'AD');
}

/** `Cystic kidney` as the address of its group: cystic-kidney. */
function toSlug(text: string): string {
  return text.toLowerCase().replace(/[\s_]+/g, '-');
}

/** Takes away the apostrophes that keep spreadsheets from running a cell, or what is in it behind another separator. */
function readCell(text: string): string {
  const opened = text.replace(/([;,\t]"*)'(?='*[=+\-@])/g, '$1');
  return opened.replace(/^'(?=[=+\-@\t\r'])/, '').trim();
}

function readList(cell: string): string[] {
  return cell === '' ? [] : cell.split('|').map((item) => item.trim());
}

/** `Name {OMIM:173900; ORPHA:730; AD}`; the braces may be missing. */
function readDisease(text: string, found: Found[]): GeneContent['diseases'][number] {
  const [, name = '', facts = ''] = /^([^{}]*)(?:\{([^{}]*)\})?$/.exec(text) ?? [];
  if (name === '') found.push(['diseases', `"${text}" is not of the form Name {OMIM:173900; ORPHA:730; AD}`]);
  const list = facts
    .split(';')
    .map((fact) => readFact(fact.trim()))
    .filter((fact) => fact !== '');
  const one = (prefix: string) => {
    const ids = list.filter((fact) => fact.startsWith(prefix));
    if (ids.length > 1) found.push(['diseases', `"${text}" has several ids ${prefix}`]);
    return ids[0] ?? null;
  };
  const inheritance = list.filter((fact) => !/^(OMIM|ORPHA):/.test(fact)) as GeneContent['inheritance'];
  return { name: name.trim(), omimId: one('OMIM:'), orphaId: one('ORPHA:'), inheritance };
}

/** OMIM's numbers have six digits and begin with 1 to 6; Orphanet's need their prefix. */
function readFact(fact: string): string {
  if (/^([1-6]\d{5}|O?MIM\b.*)$/i.test(fact)) return readId('OMIM', fact);
  return /^ORPHA/i.test(fact) ? readId('ORPHA', fact) : readInheritance(fact);
}

function describeIssues(gene: GeneContent): Found[] {
  const found = new Map<string, Found>();
  for (const issue of validate.errors ?? []) {
    const path = nameParameter(issue);
    const [column = '', ...rest] = path.split('/');
    const value = rest.reduce<unknown>(
      (part, key) => (part as Record<string, unknown>)?.[key],
      gene[column as keyof GeneContent],
    );
    const shown = typeof value === 'string' ? `${JSON.stringify(value)} ` : '';
    const said = describeIssue(issue).replace(/, null$/, ' or empty');
    if (!found.has(path)) found.set(path, [column, value === '' ? 'is empty' : `${shown}${said}`]);
  }
  return [...found.values()];
}

function findRepeats(
  gene: GeneContent,
  line: number,
  seen: Record<'symbol' | 'hgncId', Map<string, number>>,
): Found[] {
  return (['symbol', 'hgncId'] as const).flatMap((column) => {
    const key = gene[column].toUpperCase();
    const earlier = seen[column].get(key);
    if (earlier === undefined) seen[column].set(key, line);
    return earlier === undefined || key === ''
      ? []
      : [[column, `"${gene[column]}" is on line ${earlier} as well`] as Found];
  });
}

/** Bands on another chromosome than their gene: 4q25 is on chromosome 4 (ISCN). */
export function findClashes(genes: readonly GeneLine[]): RowProblem[] {
  return genes.flatMap(({ line, gene: { band, chromosome } }) => {
    const [, on] = /^(\d{1,2}|[XY])(?:[pq]|cen)/i.exec(band) ?? [];
    if (on === undefined || on.toUpperCase() === chromosome) return [];
    return [{ line, column: 'band', problem: `"${band}" is not on chromosome ${chromosome}` }];
  });
}
