import { existsSync, rmSync } from 'node:fs';
import { rm, statfs } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { querySql, SqlSession } from '../database/sql.ts';
import type { ContainerInfo } from '../docker/docker.ts';
import { DescribedError } from '../process/errors.ts';
import { mustRun, openPipe, type PipedProcess } from '../process/shell.ts';
import { listStack } from '../stack/containers.ts';
import { containerName, type StackSettings } from '../stack/stack.ts';
import { formatBytes } from '../terminal/report.ts';
import {
  COUNT_ROWS,
  DUMP_SESSION,
  END_LEFTOVERS,
  GUARD_DUMP,
  HASH_SCHEMA,
  LIST_TABLES,
  OPEN_SNAPSHOT,
  READ_FACTS,
  READ_SCHEMA_VERSION,
} from './backup-sql.ts';
import {
  backupName,
  type DatabaseFacts,
  estimateBytes,
  findTablesMissing,
  type Manifest,
} from './manifest.ts';
import { type Written, writeProven } from './proven-file.ts';
import type { FolderStore } from './store.ts';
import { copyTo, encrypt } from './streams.ts';

const UP = 'see how the database is: make prod-health; then: make prod-backup';
/** How far a backup is. */
interface BackupProgress {
  bytes: number;
  /** Bytes that are expected, from the last backup; undefined for the first. */
  expected: number | undefined;
}

/** What a backup is made of. */
export interface BackupJob {
  settings: StackSettings;
  database: string;
  recipients: readonly string[];
  store: FolderStore;
  onProgress?: (progress: BackupProgress) => void;
}

interface Snapshot extends Pick<Manifest, 'schemaVersion' | 'schemaHash'> {
  server: Omit<Manifest['server'], 'image'>;
  id: string;
  /** The process on the server that keeps it. */
  keeper: string;
  database: DatabaseFacts;
  tables: { schema: string; name: string }[];
}

/**
 * Makes a backup: all or nothing. Needs the lock of the stack's backups.
 * @returns its manifest
 * @throws DescribedError when any stage fails; what was written so far is then gone
 */
export async function createBackup(job: BackupJob): Promise<Manifest> {
  const startedAt = Date.now();
  const { settings, store } = job;
  const session = new SqlSession(databaseName(settings), job.database);
  let guard: Promise<string> | undefined;
  try {
    // Why a database does not answer is told by what is wrong with its container.
    const [container, last, snapshot] = await waitForAll([
      findDatabase(settings),
      prepareStore(job),
      openSnapshot(session),
    ]);
    guard = querySql(container.name, 'postgres', GUARD_DUMP, { keeper: snapshot.keeper });
    guard.catch(() => undefined);
    const expected = last && Math.round((last.bytes / last.database.bytes) * snapshot.database.bytes);
    await assertSpace(store, estimateBytes(snapshot.database.bytes, last));
    const file = await freeFile(job);
    const onBytes = (bytes: number) => job.onProgress?.({ bytes, expected });
    const [stored, tables, roles] = await waitForAll([
      writeDump(job, container.name, snapshot, file, onBytes),
      countRows(session),
      mustRun([...inDatabase(container.name, 'pg_dumpall'), '--globals-only', '--no-role-passwords'], UP),
    ]);
    const manifest: Manifest = {
      format: 1,
      name: file.replace(/\.dump(\.age)?$/, ''),
      stack: settings.prefix,
      file,
      createdAt: new Date(startedAt).toISOString(),
      durationMs: Date.now() - startedAt,
      ...stored,
      recipients: [...job.recipients],
      server: { ...snapshot.server, image: container.image },
      revision: container.revision,
      database: snapshot.database,
      schemaVersion: snapshot.schemaVersion,
      schemaHash: snapshot.schemaHash,
      tables,
      roles,
    };
    await store.publish(manifest).catch(async (error) => {
      await store.discard(manifest);
      throw describeWriteError(error, store);
    });
    return manifest;
  } finally {
    await session.close();
    await guard?.catch(() => undefined);
  }
}

/**
 * The container of a stack's database.
 * @throws DescribedError unless it runs
 */
export async function findDatabase(settings: StackSettings): Promise<ContainerInfo> {
  const name = databaseName(settings);
  const found = (await listStack(settings)).find((container) => container.name === name);
  if (found?.state === 'running') return found;
  throw new DescribedError(`${name} is not up`, 'make prod-up');
}

function databaseName(settings: StackSettings): string {
  return containerName(settings, 'kidney-genetics-postgres');
}

/** @returns the stack's last backup in a store that is now ready for the next */
async function prepareStore({ store, settings }: BackupJob): Promise<Manifest | undefined> {
  await store.prepare();
  await store.settle(settings.prefix);
  return (await store.list()).find(({ stack }) => stack === settings.prefix);
}

function inDatabase(container: string, program: string): string[] {
  return ['docker', 'exec', container, program, '--username=postgres', '--no-password'];
}

async function openSnapshot(session: SqlSession): Promise<Snapshot> {
  await session.ask(END_LEFTOVERS);
  const [id = '', keeper = ''] = await session.ask(OPEN_SNAPSHOT);
  type Facts = { version: string; versionNum: number; database: DatabaseFacts };
  const [facts] = await session.askJson<Facts>(READ_FACTS);
  if (!facts) throw new DescribedError('The database says nothing of itself', UP);
  const { version, versionNum, database } = facts;
  const tables = await session.askJson<Snapshot['tables'][number]>(LIST_TABLES);
  const [schemaVersion = ''] = await session.ask(READ_SCHEMA_VERSION);
  const [schemaHash = ''] = await session.ask(HASH_SCHEMA);
  const server = { version, versionNum };
  return { id, keeper, database, tables, schemaVersion, schemaHash, server };
}

async function countRows(session: SqlSession): Promise<Record<string, number>> {
  const rows = await session.askJson<{ table: string; rows: number }>(COUNT_ROWS);
  return Object.fromEntries(rows.map(({ table, rows: count }) => [table, count]));
}

async function assertSpace(store: FolderStore, needed: number): Promise<void> {
  const disk = await statfs(store.folder);
  const free = disk.bavail * disk.bsize;
  if (free >= needed) return;
  throw new DescribedError(
    `${store.place} has ${formatBytes(free)} free; the backup may need ${formatBytes(needed)}`,
    'make room: make prod-backup-thin; or name a folder on a larger disk: BACKUP_DIR in the env file',
  );
}

/** The name of a file that is not there yet: of two backups in the same second the later waits. */
async function freeFile({ settings, store, recipients }: BackupJob): Promise<string> {
  for (;;) {
    const file = `${backupName(settings.prefix, new Date())}.dump${recipients.length > 0 ? '.age' : ''}`;
    if (!existsSync(store.pathOf({ file }))) return file;
    await sleep(200);
  }
}

/** Writes the dump under its partial name, proves it and has it on the disk; a failure leaves nothing. */
async function writeDump(
  job: BackupJob,
  container: string,
  snapshot: Snapshot,
  file: string,
  onBytes: (bytes: number) => void,
): Promise<Written> {
  const { store, recipients } = job;
  const partial = store.partialOf(file);
  const remove = () => rmSync(partial, { force: true });
  process.once('exit', remove);
  const dump = openPipe(dumpArgv(container, job.database, snapshot));
  const list = openPipe(['docker', 'exec', '-i', container, 'pg_restore', '--list']);
  try {
    const listing = text(list.stdout);
    const plain = copyTo(dump.stdout, list.stdin);
    const content = recipients.length > 0 ? await encrypt(Readable.from(plain), recipients) : plain;
    const written = await writeProven(partial, content, onBytes);
    await assertDumped(dump);
    await assertListed(list, await listing, snapshot);
    return written;
  } catch (error) {
    await rm(partial, { force: true });
    throw describeWriteError(error, store);
  } finally {
    for (const child of [dump, list]) child.kill();
    process.removeListener('exit', remove);
  }
}

/** The command line of a dump that shares a session's snapshot. */
function dumpArgv(container: string, database: string, { id, server }: Snapshot): string[] {
  const named = ['docker', 'exec', '-e', `PGAPPNAME=${DUMP_SESSION}`, container, 'pg_dump'];
  // The programs of PostgreSQL 15, from which one may come to upgrade, know gzip alone.
  const compression = server.versionNum >= 160_000 ? 'zstd' : '6';
  const options = ['--username=postgres', '--no-password', '--format=custom', `--compress=${compression}`];
  // Somebody who changes the schema for longer than that makes the backup fail, not hang.
  return [...named, ...options, '--lock-wait-timeout=10min', `--snapshot=${id}`, database];
}

async function assertDumped(dump: PipedProcess): Promise<void> {
  const { exitCode, stderr } = await dump.ended;
  if (exitCode === 0) return;
  const said = stderr.split('\n').slice(-3).join('\n    ');
  throw new DescribedError(`pg_dump failed (exit ${exitCode})${said ? `: ${said}` : ''}`, UP);
}

/** What PostgreSQL itself reads in the dump's table of contents is what was counted. */
async function assertListed(list: PipedProcess, listing: string, snapshot: Snapshot): Promise<void> {
  const { exitCode, stderr } = await list.ended;
  if (exitCode !== 0) throw new DescribedError(`pg_restore cannot read the dump: ${stderr}`, UP);
  const missing = findTablesMissing(listing, snapshot.tables);
  if (missing.length > 0) throw new DescribedError(`The dump lacks ${missing.join(', ')}`, UP);
}

function describeWriteError(error: unknown, store: FolderStore): unknown {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new DescribedError(
      `The disk is full: ${store.place} cannot take the backup; what was written of it is removed`,
      'make room: make prod-backup-thin; or name a folder on a larger disk: BACKUP_DIR in the env file',
    );
  }
  if (code === undefined || error instanceof DescribedError) return error;
  return new DescribedError(
    `${store.place} cannot be written (${code})`,
    'look at the disk, then: make prod-backup',
  );
}

/** Waits for all, so that nothing goes on behind an error message. */
async function waitForAll<T extends readonly unknown[]>(
  work: {
    [K in keyof T]: Promise<T[K]>;
  },
): Promise<T> {
  const failed = (await Promise.allSettled(work)).find((result) => result.status === 'rejected');
  if (failed) throw failed.reason;
  return (await Promise.all(work)) as unknown as T;
}
