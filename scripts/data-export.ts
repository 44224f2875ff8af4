import { resolve } from 'node:path';
import { exportScript, formatExport, SPREADSHEET } from './lib/app/data.ts';
import { ownerOfStack } from './lib/database/sign-in.ts';
import { querySql } from './lib/database/sql.ts';
import { DescribedError, Exit } from './lib/process/errors.ts';
import { writeWhole } from './lib/process/files.ts';
import { loadEnvFile } from './lib/stack/env-file.ts';
import { openStack } from './lib/stack/open.ts';
import { assertDockerReady } from './lib/stack/preflight.ts';
import { main } from './lib/terminal/cli.ts';
import { formatBytes, formatDuration, sayOk } from './lib/terminal/report.ts';

const USAGE = `
Writes all entries of the running stack into a file that make data-import reads: CSV, or TSV when it is called .tsv.

  make data-export FILE=genes.csv
  npx tsx scripts/data-export.ts FILE`;

const AGAIN = 'make data-export FILE=genes.csv';

/** What the file held before is whole until the new content is. */
function write(file: string, text: string): void {
  try {
    writeWhole(resolve(file), text, { mode: 0o644 });
  } catch (error) {
    throw new DescribedError(`Cannot write ${file}: ${(error as Error).message}`, AGAIN);
  }
}

main(import.meta.url, {
  usage: USAGE,
  options: {},
  maxPositionals: 1,
  words: { FILE: '' },
  async run(_flags, [file]) {
    const startedAt = Date.now();
    if (!file) throw new DescribedError('Say which file', AGAIN, Exit.usage);
    if (SPREADSHEET.test(file)) {
      throw new DescribedError(
        `${file}: a table of plain text is written, which Excel opens as .csv`,
        AGAIN,
        Exit.usage,
      );
    }
    const settings = await openStack();
    await assertDockerReady();
    const env = await loadEnvFile(settings.envFile);
    const owner = await ownerOfStack(settings, env.POSTGRES_DB || 'kidney_genetics');
    const printed = await querySql({ ...owner, searchPath: 'public' }, exportScript);
    const { text, rows } = formatExport(printed, /\.tsv$/i.test(file) ? 'tsv' : 'csv');
    write(file, text);
    const took = formatDuration(Date.now() - startedAt);
    sayOk(`${file}: ${rows} rows, ${formatBytes(Buffer.byteLength(text))} (${took})`);
  },
});
