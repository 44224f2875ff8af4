import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createBackup } from '../lib/backup/create.ts';
import { FolderStore } from '../lib/backup/store.ts';
import { DescribedError } from '../lib/process/errors.ts';
import { runStreaming } from '../lib/process/shell.ts';
import type { TestStack } from '../test/e2e/harness.ts';
import { alternate, timeSeconds } from './lib/alternate.ts';
import type { Row } from './lib/measure.ts';
import { withStack } from './lib/own-stack.ts';

const DATABASE = 'kidney_genetics';
/** About 1 GB, of which a dump is 380 MB. */
const FILL = `CREATE TABLE measured AS SELECT n AS id, md5(n::text) AS a, md5((n * 7)::text) || md5((n * 3)::text) AS b
FROM generate_series(1, 7500000) AS n`;

/** How long a backup takes, with its manifest and its proofs, beside a bare dump with the same compression. */
export async function measureBackup(runs: number): Promise<Row[]> {
  return withStack('bench-backup', async (stack) => {
    await stack.mustScript('up', ['--test']);
    await stack.sql(FILL);
    const store = new FolderStore(join(stack.tmp, 'backups'), { key: 'a key of the benchmark alone' });
    await store.open(stack.settings.prefix);
    const job = { settings: stack.settings, database: DATABASE, recipients: [], store };
    const { ours, peer } = await alternate(runs, {
      ours: () => timeSeconds(() => createBackup(job)),
      peer: () => timeSeconds(() => dumpBare(stack)),
    });
    return [
      {
        what: 'Backup of 1 GB',
        unit: 's',
        ours,
        peer: { name: 'pg_dump -Fc --compress=zstd', values: peer },
        goal: { of: 'ratio', atMost: 1.15 },
      },
    ];
  });
}

async function dumpBare(stack: TestStack): Promise<void> {
  const dump = ['pg_dump', '--username=postgres', '--format=custom', '--compress=zstd', DATABASE];
  const target = createWriteStream(join(stack.tmp, 'bare.dump'), { flush: true });
  const { exitCode, stderr } = await runStreaming(
    ['docker', 'exec', stack.name('postgres'), ...dump],
    (output) => pipeline(output, target),
  );
  if (exitCode !== 0) throw new DescribedError(`pg_dump failed: ${stderr}`, 'see what it says');
}
