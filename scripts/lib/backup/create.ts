import { existsSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { type SignIn, superuser } from '../database/client-argv.ts';
import { ownerOf } from '../database/sign-in.ts';
import { querySql, SqlSession } from '../database/sql.ts';
import type { ContainerInfo } from '../docker/containers.ts';
import { DescribedError } from '../process/errors.ts';
import { listStack } from '../stack/containers.ts';
import { containerName, type StackSettings } from '../stack/stack.ts';
import { formatBytes } from '../terminal/report.ts';
import { GUARD_DUMP } from './backup-sql.ts';
import { writeDump } from './dump.ts';
import { listOwn } from './find.ts';
import { backupName, estimateBytes, type Manifest } from './manifest.ts';
import { countRows, openSnapshot, type Snapshot } from './snapshot.ts';
import type { FolderStore } from './store.ts';

const ROOM =
  'make room: make prod-backup-prune; or name a folder on a larger disk: BACKUP_DIR in the env file';

const SPARE_INODES = 16;
/** Should a script be killed and its guard with it, the sessions in the container end by themselves. */
const LONGEST_SECONDS = 12 * 3600;

/** What a backup is made of. */
export interface BackupJob {
  settings: StackSettings;
  database: string;
  recipients: readonly string[];
  /** Open for this stack. */
  store: FolderStore;
  /** @param expected the bytes of the whole, from the last backup; undefined for the first */
  onProgress?: (bytes: number, expected: number | undefined) => void;
}

/**
 * Makes a backup: all or nothing. Needs the lock of the stack's backups.
 * @returns its manifest
 * @throws DescribedError when any stage fails; what was written so far is then gone
 */
export async function createBackup(job: BackupJob): Promise<Manifest> {
  const server = await findDatabase(job.settings);
  const owner = { ...(await ownerOf(server.name, job.database)), limitSeconds: LONGEST_SECONDS };
  const session = new SqlSession(owner);
  let guard: Promise<string> | undefined;
  try {
    const snapshot = await openSnapshot(session);
    guard = querySql(superuser(server.name), GUARD_DUMP, { keeper: snapshot.keeper });
    guard.catch(() => undefined);
    return await storeSnapshot(job, server, owner, session, snapshot);
  } catch (error) {
    throw describeWriteError(error, job.store);
  } finally {
    await session.close();
    await guard?.catch(() => undefined);
  }
}

async function storeSnapshot(
  job: BackupJob,
  container: ContainerInfo,
  owner: SignIn,
  session: SqlSession,
  snapshot: Snapshot,
): Promise<Manifest> {
  const { settings, recipients, store } = job;
  const createdAt = new Date();
  const startedAt = performance.now();
  const { id: _, keeper: __, tables: ___, server, ...described } = snapshot;
  const last = (await listOwn(store, settings.prefix))[0];
  const expected = last && Math.round((last.bytes / last.database.bytes) * snapshot.database.bytes);
  await assertSpace(store, estimateBytes(snapshot.database.bytes, last));
  const { name, file } = await freeName(job);
  const onBytes = (bytes: number) => job.onProgress?.(bytes, expected);
  const dumpJob = { owner, snapshot, path: store.partialOf(file), recipients };
  const [stored, tables] = await waitForAll([writeDump({ ...dumpJob, onBytes }), countRows(session)]);
  const manifest: Manifest = {
    name,
    stack: settings.prefix,
    file,
    createdAt: createdAt.toISOString(),
    durationMs: Math.round(performance.now() - startedAt),
    ...stored,
    recipients: [...recipients],
    ...described,
    server: { ...server, image: container.image },
    revision: container.revision,
    tables,
    signed: true,
  };
  await store.publish(manifest);
  return manifest;
}

/**
 * The container of a stack's database.
 * @throws DescribedError unless it runs
 */
export async function findDatabase(settings: StackSettings): Promise<ContainerInfo> {
  const name = containerName(settings, 'kidney-genetics-postgres');
  const found = (await listStack(settings)).find((container) => container.name === name);
  if (found?.state === 'running') return found;
  throw new DescribedError(`${name} is not up`, 'make prod-up');
}

async function assertSpace(store: FolderStore, needed: number): Promise<void> {
  const disk = await statfs(store.folder);
  const free = disk.bavail * disk.bsize;
  if (free < needed) {
    throw new DescribedError(
      `${store.place} has ${formatBytes(free)} free; the backup may need ${formatBytes(needed)}`,
      ROOM,
    );
  }
  // A file system without inodes, such as btrfs, counts none.
  if (disk.files > 0 && disk.ffree < SPARE_INODES)
    throw new DescribedError(`${store.place} has no inodes left for further files`, ROOM);
}

/** The name of files that are not there yet: of two backups in the same second the later waits. */
async function freeName({ settings, store, recipients }: BackupJob): Promise<{ name: string; file: string }> {
  for (;;) {
    const name = backupName(settings.prefix, new Date());
    const file = `${name}.dump${recipients.length > 0 ? '.age' : ''}`;
    if (!existsSync(store.pathOf({ file }))) return { name, file };
    await sleep(200);
  }
}

function describeWriteError(error: unknown, store: FolderStore): unknown {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new DescribedError(
      `The disk is full: ${store.place} cannot take the backup; what was written of it is removed`,
      ROOM,
    );
  }
  if (code === undefined || error instanceof DescribedError) return error;
  return new DescribedError(
    `${store.place} cannot be written (${code})`,
    'look at the disk, then: make prod-backup',
  );
}

/** Waits for all, so that nothing goes on behind an error message. */
async function waitForAll<T extends readonly unknown[]>(work: { [K in keyof T]: Promise<T[K]> }): Promise<T> {
  const failed = (await Promise.allSettled(work)).find((result) => result.status === 'rejected');
  if (failed) throw failed.reason;
  return (await Promise.all(work)) as unknown as T;
}
