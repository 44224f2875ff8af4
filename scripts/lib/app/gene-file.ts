import { readFile } from 'node:fs/promises';
import { DescribedError, Exit } from '../process/errors.ts';
import { say, sayFailure } from '../terminal/report.ts';
import { type GeneTable, type RowProblem, readGeneTable } from './gene-table.ts';

/**
 * Reads a table of genes, which has to be UTF-8.
 * @throws DescribedError when there is none, or it is something else
 */
export async function readTable(file: string): Promise<GeneTable> {
  const bytes = await readFile(file).catch((error: Error) => {
    throw new DescribedError(
      `Cannot read ${file}: ${error.message}`,
      'make data-import FILE=genes.csv',
      Exit.usage,
    );
  });
  if (isSpreadsheet(file, bytes)) {
    throw new DescribedError(
      `${file} is a spreadsheet; a table of plain text is wanted`,
      'in the spreadsheet: Save as, "CSV UTF-8"; then: make data-import FILE=genes.csv',
      Exit.usage,
    );
  }
  try {
    return readGeneTable(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new DescribedError(`${file} is not UTF-8`, `iconv -f WINDOWS-1252 -t UTF-8 ${file} > utf8.csv`);
  }
}

/** Excel's and LibreOffice's files are archives (PK); those of old Excel begin with D0 CF 11 E0. */
function isSpreadsheet(file: string, bytes: Buffer): boolean {
  return SPREADSHEET.test(file) || ['504b0304', 'd0cf11e0'].includes(bytes.toString('hex', 0, 4));
}

export const SPREADSHEET = /\.(xlsx?|xlsm|ods|numbers)$/i;

/** Shows every bad row by line and column. @throws DescribedError always */
export function refuseTable(
  file: string,
  problems: readonly RowProblem[],
  rows: number,
  json: boolean,
): never {
  if (json) say(JSON.stringify({ problems }, null, 2));
  else {
    for (const { line, column, problem } of problems)
      sayFailure(`${file}:${line} ${column ? `column ${column}: ` : ''}${problem}`, '');
  }
  const bad = new Set(problems.map(({ line }) => line)).size;
  throw new DescribedError(
    bad > rows
      ? `The head of ${file} is wrong: nothing was changed`
      : `${bad} of ${rows} rows are bad: nothing was changed`,
    `fix ${file}, then look again: make data-import FILE=${file} DRY_RUN=1`,
  );
}
