import { ownerOf } from '../database/sign-in.ts';
import { DescribedError } from '../process/errors.ts';
import { mustRun } from '../process/shell.ts';
import { Progress } from '../terminal/progress.ts';
import { formatBytes, formatDuration, formatTable, paint } from '../terminal/report.ts';
import type { BackupContext } from './context.ts';
import { assertTrusted, type FoundBackup } from './find.ts';
import { formatAge } from './list.ts';
import { assertVersion, countTables, loadBackup } from './load.ts';
import type { Manifest } from './manifest.ts';
import { recordOutcome } from './status.ts';
import { FolderStore, OTHER } from './store.ts';
import { assertDigest, digestOf, readIdentities } from './streams.ts';
import { databaseExists, dropDatabase, incomingName, type Swapped, swapIn } from './swap.ts';

const PGDATA = '/var/lib/postgresql/data';
const SPARE_BYTES = 64 * 1024 ** 2;

/**
 * Everything that can be known before the database is touched: the dump is whole, this server can read it, there is room.
 * @param server the container of the database
 * @throws DescribedError
 */
export async function assertRestorable(
  context: BackupContext,
  server: string,
  found: FoundBackup,
): Promise<void> {
  const { manifest, store } = found;
  const { name, owner } = manifest.database;
  if (name !== context.database || owner !== context.owner.name) {
    const ours = `${context.database} of ${context.owner.name}`;
    throw new DescribedError(
      `${manifest.file} is of the database ${name} of ${owner}, not of ${ours}`,
      'put those names into POSTGRES_DB, POSTGRES_USER and DATABASE_URL before the first prod-up, or choose another backup',
    );
  }
  await assertVersion(server, manifest);
  readIdentities(manifest, context.backup.identityFile);
  // One in a bucket is digested while it is loaded, before the swap: it would have to be fetched twice.
  if (store instanceof FolderStore) assertDigest(manifest, await digestOf(await store.read(manifest)));
  await assertSpace(server, manifest);
}

async function assertSpace(server: string, manifest: Manifest): Promise<void> {
  const df = ['docker', 'exec', server, 'df', '--block-size=1', '--output=avail', PGDATA];
  const free = Number((await mustRun(df, 'make prod-health')).trim().split('\n').at(-1));
  const needed = manifest.database.bytes * 1.1 + SPARE_BYTES;
  if (free >= needed) return;
  throw new DescribedError(
    `The database's disk has ${formatBytes(free)} free; the restored one needs ${formatBytes(needed)} beside it`,
    'make room: make prod-restore DROP_REPLACED=1, or docker image prune',
  );
}

/** What is there against what will be. */
export async function previewRestore(
  context: BackupContext,
  server: string,
  found: FoundBackup,
): Promise<string> {
  const { manifest } = found;
  const live = (await databaseExists(server, context.database))
    ? await countTables(await ownerOf(server, context.database))
    : {};
  const names = [...new Set([...Object.keys(live), ...Object.keys(manifest.tables)])].sort();
  const rows = names.map((name) => {
    const [now, then] = [live[name], manifest.tables[name]];
    const change = paint(now === then ? 'dim' : 'yellow', describeChange(now, then));
    return [name, String(now ?? '-'), String(then ?? '-'), change];
  });
  const age = formatAge(manifest.createdAt, Date.now());
  const title = `${manifest.file}: ${age} old, ${formatBytes(manifest.bytes)}, from ${manifest.stack}, ${describeProof(manifest)}`;
  const head = ['TABLE', 'ROWS NOW', 'ROWS THEN', ''].map((word) => paint('bold', word));
  return `${title}\n${formatTable([head, ...rows])}`;
}

function describeProof({ drill, signed }: Manifest): string {
  if (!signed) return 'NOT SIGNED by this checkout';
  if (!drill) return 'not proven by a drill yet';
  return drill.ok ? `proven by a drill, which took ${formatDuration(drill.restoreMs)}` : 'its drill FAILED';
}

function describeChange(now: number | undefined, then: number | undefined): string {
  if (now === undefined) return 'comes';
  if (then === undefined) return 'goes';
  if (now === then) return 'same';
  return then > now ? `+${then - now}` : `${then - now}`;
}

/**
 * Restores a backup beside the live database, compares it with its manifest, and swaps. Needs the locks of stack and
 * backups.
 * @param server the container of the database
 * @throws DescribedError; the live database is then as it was
 */
export async function restoreBackup(
  context: BackupContext,
  server: string,
  found: FoundBackup,
): Promise<Swapped> {
  const { database, backup, trust } = context;
  const { manifest } = found;
  assertTrusted(context, found);
  const target = incomingName(database);
  const progress = new Progress('restoring');
  const onProgress = (bytes: number) => progress.show(bytes, manifest.bytes);
  await dropDatabase(server, target);
  try {
    const mustBeEncrypted = backup.recipients.length > 0 && !trust;
    const { identityFile } = backup;
    const job = {
      container: server,
      target,
      ...found,
      identityFile,
      mustBeEncrypted,
    };
    const loaded = await loadBackup({ ...job, onProgress }).finally(() => progress.end());
    const problems = [...loaded.problems.rows, ...loaded.problems.tables, ...loaded.problems.schema];
    if (problems.length > 0) {
      throw new DescribedError(`What was restored is not what was dumped: ${problems.join('; ')}`, OTHER);
    }
    const swapped = await swapIn(server, database, target);
    await recordOutcome(server, database, 'restore', true, { message: manifest.file });
    return swapped;
  } catch (error) {
    await dropDatabase(server, target).catch(() => undefined);
    throw error;
  }
}
