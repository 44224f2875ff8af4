import { rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { clientArgv, type SignIn } from '../database/client-argv.ts';
import { DescribedError } from '../process/errors.ts';
import { openPipe, type PipedProcess } from '../process/shell.ts';
import { DUMP_SESSION } from './backup-sql.ts';
import { findTablesMissing } from './contents-rules.ts';
import { type Written, writeProven } from './proven-file.ts';
import type { Snapshot } from './snapshot.ts';
import { copyTo, encrypt } from './streams.ts';

const AGAIN = 'see how the database is: make prod-health; then: make prod-backup';

/** What is dumped, and where to. */
export interface DumpJob {
  /** Who may read all of the database, and nothing beyond it. */
  owner: SignIn;
  snapshot: Snapshot;
  /** The file to write; must not be there. */
  path: string;
  /** age public keys; none for a plain file. */
  recipients: readonly string[];
  onBytes: (bytes: number) => void;
}

/**
 * Dumps a snapshot into a file, which is then on the disk and proven: read again, and with every table in its contents.
 * @throws DescribedError, or the file system's error; the file is then gone
 */
export async function writeDump(job: DumpJob): Promise<Written> {
  const { owner, path, recipients } = job;
  const remove = () => rmSync(path, { force: true });
  process.once('exit', remove);
  const dump = openPipe(dumpArgv(job));
  const list = openPipe(['docker', 'exec', '-i', owner.container, 'pg_restore', '--list']);
  try {
    const listing = text(list.stdout);
    const plain = copyTo(dump.stdout, list.stdin);
    const content = recipients.length > 0 ? await encrypt(Readable.from(plain), recipients) : plain;
    const written = await writeProven(path, content, job.onBytes);
    await assertDumped(dump);
    await assertListed(list, await listing, job.snapshot);
    return written;
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  } finally {
    for (const child of [dump, list]) child.kill();
    process.removeListener('exit', remove);
  }
}

/** The command line of a dump that shares a session's snapshot. */
function dumpArgv({ owner, snapshot: { id, server } }: DumpJob): string[] {
  // The programs of PostgreSQL 15, from which one may come to upgrade, know gzip alone.
  const compression = server.versionNum >= 160_000 ? 'zstd' : '6';
  const options = ['--format=custom', `--compress=${compression}`, `--snapshot=${id}`];
  // Somebody who changes the schema for longer than that makes the backup fail, not hang.
  return clientArgv(owner, 'pg_dump', [...options, '--lock-wait-timeout=10min'], DUMP_SESSION);
}

async function assertDumped(dump: PipedProcess): Promise<void> {
  const { exitCode, stderr } = await dump.ended;
  if (exitCode === 0) return;
  const said = stderr.split('\n').slice(-3).join('\n    ');
  throw new DescribedError(`pg_dump failed (exit ${exitCode})${said ? `: ${said}` : ''}`, AGAIN);
}

/** What PostgreSQL itself reads in the dump's table of contents is what was counted. */
async function assertListed(list: PipedProcess, listing: string, snapshot: Snapshot): Promise<void> {
  const { exitCode, stderr } = await list.ended;
  if (exitCode !== 0) throw new DescribedError(`pg_restore cannot read the dump: ${stderr}`, AGAIN);
  const missing = findTablesMissing(listing, snapshot.tables);
  if (missing.length > 0) throw new DescribedError(`The dump lacks ${missing.join(', ')}`, AGAIN);
}
