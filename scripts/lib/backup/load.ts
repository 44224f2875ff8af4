import { text } from 'node:stream/consumers';
import { clientArgv, type SignIn, superuser } from '../database/client-argv.ts';
import { ownerOf } from '../database/sign-in.ts';
import { queryJson, querySql } from '../database/sql.ts';
import { DescribedError } from '../process/errors.ts';
import { toPrintable } from '../process/printable.ts';
import { openPipe, type PipedProcess } from '../process/shell.ts';
import { sayWarning } from '../terminal/report.ts';
import { COUNT_ROWS, createLike, HASH_SCHEMA } from './backup-sql.ts';
import { type CountProblems, findCountProblems, findForbidden } from './contents-rules.ts';
import { databaseSql, findLeftOut, rolesSql } from './database-settings-rules.ts';
import type { Manifest } from './manifest.ts';
import { type BackupStore, OTHER } from './store.ts';
import { assertDigest, copyTo, decrypt, Meter } from './streams.ts';

/** A backup to load into a new database. */
export interface LoadJob {
  /** Of a PostgreSQL server. */
  container: string;
  /** The database to make. */
  target: string;
  store: BackupStore;
  manifest: Manifest;
  identityFile?: string | undefined;
  /** Whether a plain dump is refused. */
  mustBeEncrypted: boolean;
  onProgress?: (bytes: number) => void;
}

export interface Loaded {
  /** How long it took, from the empty database to one with statistics. */
  ms: number;
  /** Where it differs from the manifest, in words. */
  problems: CountProblems & { schema: string[] };
}

/**
 * Loads a backup into a new database, with the roles that the server lacks, and compares it with the manifest. What the dump
 * holds is run as the database's owner, never as the superuser.
 * @throws DamagedBackup when the dump is not what was written; DescribedError when it holds what no owner can make, or PostgreSQL
 *   refuses it. The new database may then be half full
 */
export async function loadBackup(job: LoadJob): Promise<Loaded> {
  const { container, target, manifest } = job;
  const startedAt = performance.now();
  await assertContents(job);
  const { owner } = manifest.database;
  const existing = (await querySql(superuser(container), 'select rolname from pg_roles;')).split('\n');
  await assertOwner(container, manifest);
  await querySql(superuser(container), rolesSql(manifest.roles, existing, owner) || ';');
  await createDatabase(container, target, manifest);
  await querySql(superuser(container), databaseSql(target, manifest.database) || ';');
  const leftOut = findLeftOut(manifest);
  if (leftOut.length > 0)
    sayWarning(`Settings that no restore makes, for you to look at: ${leftOut.join(', ')}`);
  const signIn = { ...(await ownerOf(container, target)), limitSeconds: limitFor(manifest) };
  await pourIn(job, signIn);
  await querySql(signIn, 'analyze;');
  const ms = performance.now() - startedAt;
  return { ms, problems: await compare(signIn, manifest) };
}

/** Looks into the dump's own table of contents before anything of it is run. */
async function assertContents(job: LoadJob): Promise<void> {
  const list = openPipe(['docker', 'exec', '-i', job.container, 'pg_restore', '--list']);
  const listing = text(list.stdout);
  await readInto(job, list, false);
  const { exitCode, stderr } = await list.ended;
  if (exitCode !== 0) throw toolError('pg_restore --list', exitCode, stderr, job);
  const [forbidden] = findForbidden(await listing);
  if (forbidden === undefined) return;
  throw new DescribedError(
    `${job.manifest.file} holds what only a superuser could make: ${toPrintable(forbidden)}`,
    OTHER,
  );
}

/** @throws DescribedError where the database would belong to a superuser: then the dump would be run as one */
async function assertOwner(container: string, { database: { owner }, file }: Manifest): Promise<void> {
  const sql = `select rolsuper from pg_roles where rolname = :'owner';`;
  if ((await querySql(superuser(container), sql, { owner })) !== 't' && !owner.startsWith('pg_')) return;
  throw new DescribedError(`${file} is of a database that belongs to the superuser ${owner}`, OTHER);
}

/** @throws DescribedError where this server knows no such order of words; a guess would break its indexes */
async function createDatabase(container: string, target: string, manifest: Manifest): Promise<void> {
  const { owner, encoding, collate, ctype, provider = 'c', locale = '', rules = '' } = manifest.database;
  const sql = createLike(provider, rules !== '');
  await querySql(superuser(container), sql, {
    database: target,
    owner,
    encoding,
    collate,
    ctype,
    locale,
    rules,
  });
}

/** The rows of each table of a database. */
export async function countTables(owner: SignIn): Promise<Record<string, number>> {
  const rows = await queryJson<{ table: string; rows: number }>(owner, COUNT_ROWS);
  return Object.fromEntries(rows.map(({ table, rows: count }) => [table, count]));
}

/** The owner gets all: a dump may name others for objects, and only a superuser could give them away. */
async function pourIn(job: LoadJob, owner: SignIn): Promise<void> {
  const restore = openPipe(clientArgv(owner, 'pg_restore', ['--no-owner', '--exit-on-error']));
  await readInto(job, restore, true);
  const { exitCode, stderr } = await restore.ended;
  if (exitCode !== 0) throw toolError('pg_restore', exitCode, stderr, job);
}

/**
 * Pours the plain dump into a program, which may stop reading before the end.
 * @param whole reads it to its end all the same, and compares its digest
 */
async function readInto(job: LoadJob, program: PipedProcess, whole: boolean): Promise<void> {
  const { manifest, store, identityFile, mustBeEncrypted } = job;
  const stored = await store.read(manifest);
  const meter = new Meter(whole ? job.onProgress : undefined);
  try {
    const plain = await decrypt(manifest, stored.compose(meter), identityFile, mustBeEncrypted);
    for await (const chunk of copyTo(plain, program.stdin)) {
      void chunk;
      if (!whole && !program.stdin.writable) break;
    }
  } catch (error) {
    program.kill();
    throw explainStream(error, manifest);
  } finally {
    stored.destroy();
  }
  if (whole) assertDigest(manifest, meter.digest);
}

function toolError(
  tool: string,
  exitCode: number,
  stderr: string,
  { manifest, container }: LoadJob,
): DescribedError {
  const said = toPrintable(stderr.split('\n').slice(0, 3).join(' '));
  return new DescribedError(
    `${tool} of ${manifest.file} failed (exit ${exitCode}): ${said}`,
    `see the server's log: docker logs ${container}`,
  );
}

/** What reading the dump throws: the disk's, the network's, or that of a decryption that does not add up. */
function explainStream(error: unknown, manifest: Manifest): unknown {
  if (error instanceof DescribedError) return error;
  const reason = (error as NodeJS.ErrnoException).code ?? (error as Error).message;
  return new DescribedError(
    `${manifest.file} cannot be read to its end: ${toPrintable(reason)}`,
    'choose another backup: make prod-backup-list',
  );
}

async function compare(owner: SignIn, manifest: Manifest): Promise<Loaded['problems']> {
  const counted = findCountProblems(manifest.tables, await countTables(owner));
  const version = await querySql(owner, 'show server_version_num;');
  // Another major version may write the same definition in other words.
  const comparable = manifest.schemaHash && majorOf(Number(version)) === majorOf(manifest.server.versionNum);
  const differs = comparable && !(await hasSchema(owner, manifest.schemaHash));
  return { ...counted, schema: differs ? ['the schema is not the one that was dumped'] : [] };
}

/** Backups of before version 0.3 wrote names without `public.`, as a session with the server's own search path does. */
async function hasSchema(owner: SignIn, hash: string): Promise<boolean> {
  if ((await querySql(owner, HASH_SCHEMA)) === hash) return true;
  return (await querySql({ ...owner, searchPath: '"$user", public' }, HASH_SCHEMA)) === hash;
}

/** Seconds that a restore may take at most: a function of a constraint may sleep for ever. 1 MB/s is a slow disk's pace. */
function limitFor({ database }: Manifest): number {
  return Math.ceil(900 + database.bytes / 1e6);
}

/** The major version in a number such as 170012. */
function majorOf(versionNum: number): number {
  return Math.floor(versionNum / 10_000);
}

/** @throws DescribedError when a server is too old for a backup */
export async function assertVersion(container: string, manifest: Manifest): Promise<void> {
  const here = Number(await querySql(superuser(container), 'show server_version_num;'));
  const there = manifest.server.versionNum;
  if (majorOf(there) <= majorOf(here)) return;
  throw new DescribedError(
    `${manifest.file} was made by PostgreSQL ${manifest.server.version}, newer than this server's ${majorOf(here)}`,
    'build the stack with that version of PostgreSQL first: make prod-build',
  );
}
