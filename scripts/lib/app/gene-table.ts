import { Ajv } from 'ajv';
import { CsvError, parse } from 'csv-parse/sync';
import { columns } from '../../../backend/src/genes/table.ts';
import { describeIssue, nameParameter } from '../../../backend/src/lib/issues.ts';
import { type GeneContent, GeneContent as GeneSchema } from '../../../backend/src/schemas/gene.ts';

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
 * @returns the genes of the good rows and all problems of the bad ones, by line
 */
export function readGeneTable(text: string): GeneTable {
  const rows = parseRows(text);
  if (!Array.isArray(rows)) return { genes: [], problems: [rows], rows: 0 };
  const [head, ...body] = rows;
  const names = (head?.record ?? []).map((name) => name.trim());
  const badHead = findHeadProblems(names);
  if (badHead.length > 0) return { genes: [], problems: badHead, rows: body.length };
  const genes: GeneLine[] = [];
  const problems: RowProblem[] = [];
  const seen = { symbol: new Map<string, number>(), hgncId: new Map<string, number>() };
  for (const row of body) {
    const line = firstLine(row);
    const { gene, found } = readRow(names, row.record);
    found.push(...findRepeats(gene, line, seen));
    for (const [column, problem] of found) problems.push({ line, column, problem });
    if (found.length === 0) genes.push({ line, gene });
  }
  return { genes, problems, rows: body.length };
}

function parseRows(text: string): ParsedRow[] | RowProblem {
  const delimiter = ['\t', ';', ','].find((character) => (text.split('\n', 1)[0] ?? '').includes(character));
  const options = { bom: true, info: true, raw: true, relax_column_count: true, skip_empty_lines: true };
  try {
    return parse(text, { ...options, delimiter: delimiter ?? ',' }) as unknown as ParsedRow[];
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    const line = Number(error.lines ?? 1);
    return { line, column: '', problem: error.message.replace(/ (at|on) line \d+.*$/, '') };
  }
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
    hgncId: cell('hgncId'),
    name: cell('name'),
    aliases: readList(cell('aliases')),
    chromosome: cell('chromosome'),
    band: cell('band'),
    inheritance: readList(cell('inheritance')),
    diseaseGroup: cell('diseaseGroup'),
    evidence: cell('evidence') || null,
    diseases: readList(cell('diseases')).map((text) => readDisease(text, found)),
  } as GeneContent;
  if (record.length !== names.length)
    return { gene, found: [['', `has ${record.length} cells, not ${names.length}`]] };
  const issues = validate(gene) ? [] : describeIssues(gene);
  return {
    gene,
    found: [...issues.filter(([column]) => !found.some(([other]) => other === column)), ...found],
  };
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
    .map((fact) => fact.trim())
    .filter((fact) => fact !== '');
  const one = (prefix: string) => {
    const ids = list.filter((fact) => fact.startsWith(prefix));
    if (ids.length > 1) found.push(['diseases', `"${text}" has several ids ${prefix}`]);
    return ids[0] ?? null;
  };
  const inheritance = list.filter((fact) => !/^(OMIM|ORPHA):/.test(fact)) as GeneContent['inheritance'];
  return { name: name.trim(), omimId: one('OMIM:'), orphaId: one('ORPHA:'), inheritance };
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
