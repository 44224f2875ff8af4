import { Readable } from 'node:stream';
import { readTable, refuseTable } from './lib/app/gene-file.ts';
import {
  formatImportRow,
  type ImportAnswer,
  type ImportCounts,
  type ImportOptions,
  importHead,
  importTail,
} from './lib/app/gene-import.ts';
import type { GeneLine } from './lib/app/gene-table.ts';
import type { SignIn } from './lib/database/client-argv.ts';
import { ownerOfStack } from './lib/database/sign-in.ts';
import { querySql } from './lib/database/sql.ts';
import { DescribedError, Exit } from './lib/process/errors.ts';
import { lockStack } from './lib/process/lock.ts';
import { assertNoUpgrade } from './lib/release/upgrade-state.ts';
import { loadEnvFile } from './lib/stack/env-file.ts';
import { openStack } from './lib/stack/open.ts';
import { assertDockerReady } from './lib/stack/preflight.ts';
import { main } from './lib/terminal/cli.ts';
import { formatDuration, say, sayOk, sayProgress } from './lib/terminal/report.ts';

const USAGE = `
Loads a list of genes, CSV or TSV, into the running stack: all of it or, when a row is bad, nothing.
Genes are told apart by their HGNC id: new ones are added, known ones changed, others stay.

  make data-import FILE=genes.csv [DRY_RUN=1] [REPLACE=1]
  npx tsx scripts/data-import.ts [--dry-run] [--replace] [--json] FILE

  --dry-run   check and count, change nothing
  --replace   remove the genes that are not in the file
  --json      print the counts, or the bad rows, as JSON`;

const CHUNK = 500;
/** The lists of all genes that there are take seconds. */
const IMPORT_SECONDS = 1800;

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

function refuseImport(error: unknown): never {
  if (!(error instanceof DescribedError)) throw error;
  throw new DescribedError(`Nothing was changed: the import failed: ${error.message}`, error.hint);
}

async function load(
  owner: SignIn,
  genes: readonly GeneLine[],
  options: ImportOptions,
): Promise<ImportAnswer> {
  const script = Readable.from(writeScript(genes, options));
  // The owner's functions and triggers look their own tables up there.
  const importing = querySql({ ...owner, searchPath: 'public', limitSeconds: IMPORT_SECONDS }, script);
  const printed = await importing.finally(() => sayProgress('')).catch(refuseImport);
  return JSON.parse(printed) as ImportAnswer;
}

function report(counts: ImportCounts, { dryRun }: ImportOptions, startedAt: number): void {
  const numbers = Object.entries(counts).map(([what, count]) => `${count} ${what}`);
  const took = formatDuration(Date.now() - startedAt);
  sayOk(
    `${dryRun ? 'Dry run, nothing was changed; it would be' : 'Imported'}: ${numbers.join(', ')} (${took})`,
  );
}

main(import.meta.url, {
  usage: USAGE,
  options: { 'dry-run': { type: 'boolean' }, replace: { type: 'boolean' }, json: { type: 'boolean' } },
  maxPositionals: 1,
  words: { FILE: '' },
  async run(flags, [file]) {
    const startedAt = Date.now();
    if (!file) throw new DescribedError('Say which file', 'make data-import FILE=genes.csv', Exit.usage);
    const options = { dryRun: flags['dry-run'] === true, replace: flags.replace === true };
    const settings = await openStack();
    const json = flags.json === true;
    await assertDockerReady();
    if (!options.dryRun) {
      lockStack(settings.prefix, 'make data-import');
      assertNoUpgrade(settings.prefix);
    }
    const env = await loadEnvFile(settings.envFile);
    const owner = await ownerOfStack(settings, env.POSTGRES_DB || 'kidney_genetics');
    const { genes, problems, rows } = await readTable(file);
    if (problems.length > 0) refuseTable(file, problems, rows, json);
    if (genes.length === 0)
      throw new DescribedError(`${file} has no rows`, 'make data-import FILE=genes.csv');
    if (!json) sayOk(`Read ${rows} rows, all good (${formatDuration(Date.now() - startedAt)})`);
    const answer = await load(owner, genes, options);
    if ('problems' in answer) refuseTable(file, answer.problems, rows, json);
    if (json) say(JSON.stringify(answer));
    else report(answer, options, startedAt);
  },
});
