import type { Readable } from 'node:stream';
import { queryJson, querySql } from '../database/sql.ts';
import { DescribedError } from '../process/errors.ts';
import { openPipe } from '../process/shell.ts';
import { COUNT_ROWS, createLike, HASH_SCHEMA } from './backup-sql.ts';
import { findCountProblems, type Manifest, pickRoles } from './manifest.ts';
import type { BackupStore } from './store.ts';
import { assertDigest, copyTo, decrypt, Meter } from './streams.ts';

/** A backup to load into a new database. */
export interface LoadJob {
  /** Of a PostgreSQL server, reached over its socket. */
  container: string;
  /** The database to make. */
  target: string;
  store: BackupStore;
  manifest: Manifest;
  identityFile?: string | undefined;
  onProgress?: (bytes: number) => void;
}

export interface Loaded {
  /** How long it took, from the empty database to one with statistics. */
  ms: number;
  /** Where it differs from the manifest, in words. */
  problems: string[];
}

/**
 * Loads a backup into a new database, with the roles that the server lacks, and compares it with the manifest.
 * @throws DescribedError when the dump is damaged or PostgreSQL refuses it; the new database may then be half full
 */
export async function loadBackup(job: LoadJob): Promise<Loaded> {
  const { container, target, manifest } = job;
  const startedAt = Date.now();
  await makeRoles(container, manifest);
  await createDatabase(container, target, manifest);
  const { settings } = manifest.database;
  await querySql(container, 'postgres', settings.map((one) => `${one};`).join('\n'), { database: target });
  await pourIn(job, await job.store.read(manifest));
  await querySql(container, target, 'analyze;');
  const ms = Date.now() - startedAt;
  return { ms, problems: await compare(container, target, manifest) };
}

/** @throws DescribedError where this server knows no such order of words; a guess would break its indexes */
async function createDatabase(container: string, target: string, manifest: Manifest): Promise<void> {
  const { owner, encoding, collate, ctype, provider = 'c', locale, rules } = manifest.database;
  const sql = createLike(provider, typeof rules === 'string');
  const hint = 'restore it on a server whose PostgreSQL has that locale: docs/operations/restore.md';
  if (!sql) throw new DescribedError(`${manifest.file} has a locale of the unknown kind ${provider}`, hint);
  const named = { locale: locale ?? '', rules: rules ?? '' };
  await querySql(container, 'postgres', sql, { database: target, owner, encoding, collate, ctype, ...named });
}

/** The rows of each table of a database. */
export async function countTables(container: string, database: string): Promise<Record<string, number>> {
  const rows = await queryJson<{ table: string; rows: number }>(container, database, COUNT_ROWS);
  return Object.fromEntries(rows.map(({ table, rows: count }) => [table, count]));
}

async function makeRoles(container: string, manifest: Manifest): Promise<void> {
  const existing = (await querySql(container, 'postgres', 'select rolname from pg_roles;')).split('\n');
  const sql = pickRoles(manifest.roles, existing);
  if (sql !== '') await querySql(container, 'postgres', sql);
}

async function pourIn(job: LoadJob, stored: Readable): Promise<void> {
  const { container, target, manifest } = job;
  const options = ['--username=postgres', '--no-password', '--exit-on-error', `--dbname=${target}`];
  const restore = openPipe(['docker', 'exec', '-i', container, 'pg_restore', ...options]);
  const meter = new Meter(job.onProgress);
  try {
    // pg_restore may stop reading before the end; the digest needs all of it.
    const plain = await decrypt(manifest, stored.compose(meter), job.identityFile);
    for await (const chunk of copyTo(plain, restore.stdin)) void chunk;
  } catch (error) {
    restore.kill();
    throw explainStream(error, manifest);
  } finally {
    stored.destroy();
  }
  const { exitCode, stderr } = await restore.ended;
  assertDigest(manifest, meter.digest);
  if (exitCode === 0) return;
  throw new DescribedError(
    `pg_restore failed (exit ${exitCode}): ${stderr.split('\n').slice(0, 3).join('\n    ')}`,
    `see the server's log: docker logs ${container}`,
  );
}

/** What reading the dump throws: the disk's, the network's, or that of a decryption that does not add up. */
function explainStream(error: unknown, manifest: Manifest): unknown {
  if (error instanceof DescribedError) return error;
  const reason = (error as NodeJS.ErrnoException).code ?? (error as Error).message;
  return new DescribedError(
    `${manifest.file} cannot be read to its end: ${reason}`,
    'choose another backup: make prod-backup-list',
  );
}

async function compare(container: string, target: string, manifest: Manifest): Promise<string[]> {
  const problems = findCountProblems(manifest.tables, await countTables(container, target));
  const [version, hash] = await Promise.all([
    querySql(container, 'postgres', 'show server_version_num;'),
    querySql(container, target, HASH_SCHEMA),
  ]);
  // Another major version may write the same definition in other words.
  const comparable = majorOf(Number(version)) === majorOf(manifest.server.versionNum);
  if (comparable && hash !== manifest.schemaHash) problems.push('the schema is not the one that was dumped');
  return problems;
}

/** The major version in a number such as 170012. */
function majorOf(versionNum: number): number {
  return Math.floor(versionNum / 10_000);
}

/** @throws DescribedError when a server is too old for a backup */
export async function assertVersion(container: string, manifest: Manifest): Promise<void> {
  const here = Number(await querySql(container, 'postgres', 'show server_version_num;'));
  const there = manifest.server.versionNum;
  if (majorOf(there) <= majorOf(here)) return;
  throw new DescribedError(
    `${manifest.file} was made by PostgreSQL ${manifest.server.version}, newer than this server's ${majorOf(here)}`,
    'build the stack with that version of PostgreSQL first: make prod-build',
  );
}
