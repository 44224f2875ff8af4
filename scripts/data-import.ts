import { readFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { main } from './lib/cli.ts';
import { loadEnvFile } from './lib/env-file.ts';
import { DescribedError, Exit } from './lib/errors.ts';
import { lockStack } from './lib/lock.ts';
import {
  formatImportRow,
  type ImportAnswer,
  type ImportCounts,
  type ImportOptions,
  importHead,
  importTail,
} from './lib/model/gene-import.ts';
import { type GeneLine, type GeneTable, type RowProblem, readGeneTable } from './lib/model/gene-table.ts';
import type { StackSettings } from './lib/model/stack.ts';
import { assertDockerReady } from './lib/preflight.ts';
import { loadSettings } from './lib/project.ts';
import { assertDatabaseUp, psqlError, runPsql } from './lib/psql.ts';
import { formatDuration, say, sayFailure, sayOk, sayProgress } from './lib/report.ts';

const USAGE = `
Loads a list of genes, CSV or TSV, into the running stack: all of it or, when a row is bad, nothing.
Genes are told apart by their HGNC id: new ones are added, known ones changed, others stay.

  make data-import FILE=genes.csv [DRY_RUN=1] [REPLACE=1]
  npx tsx scripts/data-import.ts [--dry-run] [--replace] [--json] FILE

  --dry-run   check and count, change nothing
  --replace   remove the genes that are not in the file
  --json      print the counts, or the bad rows, as JSON`;

const CHUNK = 500;

async function readTable(file: string): Promise<GeneTable> {
  const bytes = await readFile(file).catch((error: Error) => {
    throw new DescribedError(
      `Cannot read ${file}: ${error.message}`,
      'make data-import FILE=genes.csv',
      Exit.usage,
    );
  });
  try {
    return readGeneTable(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new DescribedError(`${file} is not UTF-8`, `iconv -f WINDOWS-1252 -t UTF-8 ${file} > utf8.csv`);
  }
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

async function load(
  settings: StackSettings,
  database: string,
  genes: readonly GeneLine[],
  options: ImportOptions,
): Promise<ImportAnswer> {
  const result = await runPsql(settings, database, Readable.from(writeScript(genes, options)));
  sayProgress('');
  if (result.exitCode !== 0) throw psqlError('Nothing was changed: the import failed', result);
  return JSON.parse(result.stdout.trim()) as ImportAnswer;
}

function refuse(file: string, problems: readonly RowProblem[], rows: number, json: boolean): never {
  if (json) say(JSON.stringify({ problems }, null, 2));
  else {
    for (const { line, column, problem } of problems)
      sayFailure(`${file}:${line} ${column ? `column ${column}: ` : ''}${problem}`, '');
  }
  const bad = new Set(problems.map(({ line }) => line)).size;
  throw new DescribedError(
    `${bad} of ${rows} rows are bad: nothing was changed`,
    `mend ${file}, then look again: make data-import FILE=${file} DRY_RUN=1`,
  );
}

function report(counts: ImportCounts, { dryRun }: ImportOptions, startedAt: number): void {
  const numbers = Object.entries(counts).map(([what, count]) => `${count} ${what}`);
  const took = formatDuration(Date.now() - startedAt);
  sayOk(
    `${dryRun ? 'Dry run, nothing was changed; it would be' : 'Imported'}: ${numbers.join(', ')} (${took})`,
  );
}

await main(import.meta.url, {
  usage: USAGE,
  options: { 'dry-run': { type: 'boolean' }, replace: { type: 'boolean' }, json: { type: 'boolean' } },
  maxPositionals: 1,
  async run(flags, [file]) {
    const startedAt = Date.now();
    if (!file) throw new DescribedError('Say which file', 'make data-import FILE=genes.csv', Exit.usage);
    const options = { dryRun: flags['dry-run'] === true, replace: flags.replace === true };
    const settings = loadSettings();
    const json = flags.json === true;
    await assertDockerReady();
    if (!options.dryRun) lockStack(settings.prefix, 'make data-import');
    const env = await loadEnvFile(settings.envFile);
    await assertDatabaseUp(settings);
    const { genes, problems, rows } = await readTable(file);
    if (problems.length > 0) refuse(file, problems, rows, json);
    if (genes.length === 0)
      throw new DescribedError(`${file} has no rows`, 'make data-import FILE=genes.csv');
    if (!json) sayOk(`Read ${rows} rows, all good (${formatDuration(Date.now() - startedAt)})`);
    const answer = await load(settings, env.POSTGRES_DB || 'kidney_genetics', genes, options);
    if ('problems' in answer) refuse(file, answer.problems, rows, json);
    if (json) say(JSON.stringify(answer));
    else report(answer, options, startedAt);
  },
});
