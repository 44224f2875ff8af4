import { Readable } from 'node:stream';
import { DescribedError } from '../process/errors.ts';
import { sayProgress } from '../terminal/report.ts';
import { readTable, refuseTable } from './gene-file.ts';
import {
  formatImportRow,
  type ImportAnswer,
  type ImportCounts,
  type ImportOptions,
  importHead,
  importTail,
} from './gene-import.ts';
import { findClashes, type GeneLine, type GeneTable, type RowProblem } from './gene-table.ts';

const CHUNK = 500;

/** Runs a script of psql in the application's database and gives what it printed. */
export type RunScript = (script: Readable) => Promise<string>;

/** A file whose rows are all good. */
export interface Import extends GeneTable {
  file: string;
}

/**
 * Reads a file, and looks for all that is wrong with it in one round: what its text shows, and what the database knows.
 * @param json problems are printed as JSON
 * @throws DescribedError, having printed every bad row
 */
export async function openImport(
  file: string,
  newGroups: boolean,
  json: boolean,
  ask: RunScript,
): Promise<Import> {
  const table = await readTable(file);
  if (table.rows === 0) throw new DescribedError(`${file} has no rows`, 'make data-import FILE=genes.csv');
  const problems = [...table.problems, ...findClashes(table.read)];
  if (problems.length > 0) {
    const answer = await send(table.read, { replace: false, dryRun: true, newGroups }, ask).catch(
      () => undefined,
    );
    const known = answer && 'problems' in answer ? answer.problems : [];
    refuseTable(file, sortProblems([...problems, ...known]), table.rows, json);
  }
  return { ...table, file };
}

/**
 * Loads a file, all of it or nothing.
 * @returns numbers of genes
 * @throws DescribedError, having printed every bad row
 */
export async function load(
  { genes, rows, file }: Import,
  options: ImportOptions,
  json: boolean,
  ask: RunScript,
): Promise<ImportCounts> {
  const answer = await send(genes, options, ask);
  return 'problems' in answer ? refuseTable(file, answer.problems, rows, json) : answer;
}

async function send(
  genes: readonly GeneLine[],
  options: ImportOptions,
  ask: RunScript,
): Promise<ImportAnswer> {
  const printed = await ask(Readable.from(writeScript(genes, options))).finally(() => sayProgress(''));
  return JSON.parse(printed.trim()) as ImportAnswer;
}

function* writeScript(genes: readonly GeneLine[], options: ImportOptions): Generator<string> {
  yield importHead;
  for (let sent = 0; sent < genes.length; sent += CHUNK) {
    sayProgress(`Sending ${sent} of ${genes.length} rows`);
    yield genes
      .slice(sent, sent + CHUNK)
      .map(formatImportRow)
      .join('');
  }
  sayProgress(options.dryRun ? 'Comparing' : 'Comparing and changing');
  yield importTail(options);
}

function sortProblems(problems: readonly RowProblem[]): RowProblem[] {
  return problems.toSorted((a, b) => a.line - b.line || a.column.localeCompare(b.column));
}
