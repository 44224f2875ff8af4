import type { SignIn } from '../database/client-argv.ts';
import { superuser } from '../database/client-argv.ts';
import { ownerOf } from '../database/sign-in.ts';
import { queryJson, querySql, SqlSession } from '../database/sql.ts';
import { DescribedError } from '../process/errors.ts';
import { sayWarning } from '../terminal/report.ts';
import {
  addRevoked,
  CLEAR_STATUS,
  END_SESSIONS,
  LIST_REPLACED,
  PASS_CHANGE,
  READ_CHANGE,
  READ_REVOKED,
  READ_STATUS,
  SWAP_NAMES,
} from './backup-sql.ts';
import { quoteText } from './database-settings-rules.ts';
import { writeStatus } from './status.ts';

const SWAP_TRIES = 4;

interface StatusRow {
  kind: string;
  finished_at: string;
  ok: boolean;
  detail: Record<string, unknown>;
  last_ok_at: string | null;
}

export interface Swapped {
  /** The name that the replaced database has now; undefined where there was none. */
  replaced: string | undefined;
  /** For how long connections were held off. */
  heldMs: number;
}

export interface ReplacedDatabase {
  name: string;
  bytes: number;
}

/** The name that a restore fills beside the live database; one that is there was left by a run that was killed. */
export function incomingName(live: string): string {
  return `${live}_restoring`;
}

export async function databaseExists(container: string, name: string): Promise<boolean> {
  const sql = `select 1 from pg_database where datname = :'name';`;
  return (await querySql(superuser(container), sql, { name })) === '1';
}

export async function dropDatabase(container: string, name: string): Promise<void> {
  await querySql(superuser(container), 'drop database if exists :"name" with (force);', { name });
}

/** The databases that restores have replaced, newest first. */
export function listReplaced(container: string, live: string): Promise<ReplacedDatabase[]> {
  return queryJson<ReplacedDatabase>(superuser(container), LIST_REPLACED, { live });
}

/**
 * Puts a database in the place of the live one, which stays under a dated name. Takes the outcomes of backups along, so
 * that the status tells of this host and not of the past, and numbers changes past all that clients know.
 * A kill at any point leaves the one or the other under the live name.
 */
export async function swapIn(container: string, live: string, incoming: string): Promise<Swapped> {
  const hasLive = await databaseExists(container, live);
  if (hasLive) await carryOver(container, live, incoming);
  const stamp = new Date()
    .toISOString()
    .replace(/[-:]|\.\d+Z/g, '')
    .toLowerCase();
  const replaced = `${live}_replaced_${stamp}`;
  const swap = await swapNames(container, { live, incoming, replaced });
  const [from = 0, to = 0] = swap.map(Number);
  if (!(await databaseExists(container, live))) {
    throw new DescribedError(`${live} is missing after the swap`, 'make prod-restore UNDO=1');
  }
  return { replaced: hasLive ? replaced : undefined, heldMs: to - from };
}

/** Holds connections off for less than two seconds, or gives up and tries anew: then nothing has changed. */
async function swapNames(container: string, names: Readonly<Record<string, string>>): Promise<string[]> {
  for (let tries = 1; ; tries += 1) {
    const swapper = new SqlSession(superuser(container), names);
    const ender = new SqlSession(superuser(container), names);
    try {
      // Both are signed in before anybody is held off.
      await Promise.all([swapper.ask('select 1;'), ender.ask('select 1;')]);
      const ending = ender.ask(END_SESSIONS);
      ending.catch(() => undefined);
      return await swapper.ask(SWAP_NAMES);
    } catch (error) {
      if (tries === SWAP_TRIES) throw error;
    } finally {
      await Promise.all([swapper.close(), ender.close()]);
    }
  }
}

async function carryOver(container: string, live: string, incoming: string): Promise<void> {
  const [from, to] = await Promise.all([ownerOf(container, live), ownerOf(container, incoming)]);
  const [rows, seq, revoked] = await Promise.all([
    queryJson<StatusRow>(from, READ_STATUS),
    querySql(from, READ_CHANGE),
    querySql(from, READ_REVOKED),
  ]);
  await querySql(to, CLEAR_STATUS);
  for (const { kind, finished_at, ok, detail, last_ok_at } of rows) {
    // The trigger keeps the time of the last good one: it has to see that one first.
    if (last_ok_at) await writeStatus(to, { kind, at: last_ok_at, ok: true, detail });
    if (!ok) await writeStatus(to, { kind, at: finished_at, ok, detail });
  }
  if (seq !== '') await querySql(to, PASS_CHANGE, { seq });
  if (!/^(\[\])?$/.test(revoked)) await carryRevoked(to, revoked);
}

/** A token that was taken back stays so, whatever the past says. */
async function carryRevoked(to: SignIn, revoked: string): Promise<void> {
  if ((await querySql(to, READ_REVOKED)) === '')
    sayWarning(
      'Tokens that were revoked are good again: make prod-rotate-secrets, then make prod-rotate-secrets FORGET=1',
    );
  else await querySql(to, addRevoked(quoteText(revoked)));
}
