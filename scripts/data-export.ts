import { normalizeSelection } from '../backend/src/genes/selection.ts';
import { exportStatement } from '../backend/src/genes/sql.ts';
import { formatGeneRow, formatHeader } from '../backend/src/genes/table.ts';
import type { GeneContent } from '../backend/src/schemas/gene.ts';
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
Writes all genes of the running stack into a file that make data-import reads: CSV, or TSV when it is called .tsv.

  make data-export FILE=genes.csv
  npx tsx scripts/data-export.ts FILE`;

/** Each gene as JSON on a line of its own, fetched in portions. */
const script = `\\set FETCH_COUNT 1000
select row_to_json(gene) from (${exportStatement(normalizeSelection({}), null).text}) as gene;
`;

function writeExport(file: string, text: string): void {
  try {
    writeWhole(file, text, { mode: 0o644 });
  } catch (error) {
    throw new DescribedError(
      `Cannot write ${file}: ${(error as Error).message}`,
      'make data-export FILE=genes.csv',
    );
  }
}

main(import.meta.url, {
  usage: USAGE,
  options: {},
  maxPositionals: 1,
  words: { FILE: '' },
  async run(_flags, [file]) {
    const startedAt = Date.now();
    if (!file) throw new DescribedError('Say which file', 'make data-export FILE=genes.csv', Exit.usage);
    const settings = await openStack();
    await assertDockerReady();
    const env = await loadEnvFile(settings.envFile);
    const owner = await ownerOfStack(settings, env.POSTGRES_DB || 'kidney_genetics');
    const printed = await querySql({ ...owner, searchPath: 'public' }, script);
    const format = /\.tsv$/i.test(file) ? 'tsv' : 'csv';
    const lines = printed.split('\n').filter((line) => line !== '');
    const rows = lines.map((line) => formatGeneRow(JSON.parse(line) as GeneContent, format));
    const text = formatHeader(format) + rows.join('');
    writeExport(file, text);
    const size = formatBytes(Buffer.byteLength(text));
    sayOk(`${file}: ${rows.length} genes, ${size} (${formatDuration(Date.now() - startedAt)})`);
  },
});
