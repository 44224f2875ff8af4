import {
  accessSync,
  constants,
  linkSync,
  readFileSync,
  renameSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { DescribedError } from './errors.ts';

interface Holder {
  pid: number;
  /** Start time of the process in clock ticks since boot (proc(5), stat field 22): a pid alone may be used again. */
  started: string;
  command: string;
  user: string;
  since: string;
}

/**
 * Takes the lock of a stack for the life of this process: one changing command at a time on a host.
 * A dead holder's lock is taken over.
 * @param prefix the stack's prefix
 * @param command the command as its user knows it, for the other one's message
 * @throws DescribedError that names the holder
 */
export function lockStack(prefix: string, command: string): void {
  const path = lockPath(prefix);
  const me: Holder = {
    pid: process.pid,
    started: startTime(process.pid) ?? '',
    command,
    user: userInfo().username,
    since: new Date().toISOString(),
  };
  for (let tries = 0; tries < 5; tries += 1) {
    if (create(path, me)) {
      process.once('exit', () => release(path));
      return;
    }
    const holder = readHolder(path);
    if (isAlive(holder)) {
      throw new DescribedError(
        `${holder.command} (pid ${holder.pid}, ${holder.user}) has been changing ${prefix} since ${holder.since}`,
        'wait until it is done, or end it with Ctrl-C, then run this again',
      );
    }
    removeDead(path);
  }
  throw new DescribedError(`The lock ${path} cannot be taken`, `remove it: rm ${path}`);
}

/** The file that says who has a stack's lock. */
export function lockPath(prefix: string): string {
  return join(lockFolder(), `${prefix}.lock`);
}

function lockFolder(): string {
  try {
    accessSync('/run/lock', constants.W_OK);
    return '/run/lock';
  } catch {
    return tmpdir();
  }
}

/** A link to a whole file: the lock is never seen half written. */
function create(path: string, holder: Holder): boolean {
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, JSON.stringify(holder), { mode: 0o644 });
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    unlinkSync(draft);
  }
}

function isAlive(holder: Holder | undefined): holder is Holder {
  return holder !== undefined && startTime(holder.pid) === holder.started;
}

function readHolder(path: string): Holder | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Holder;
  } catch {
    return undefined;
  }
}

/** Renames before it removes, and looks again: another may have found the same dead holder and taken its place by now. */
function removeDead(path: string): void {
  const grave = `${path}.dead.${process.pid}`;
  try {
    renameSync(path, grave);
    try {
      if (isAlive(readHolder(grave))) linkSync(grave, path);
    } finally {
      unlinkSync(grave);
    }
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (code === 'EPERM' || code === 'EACCES') {
      throw new DescribedError(`The lock ${path} is left from another user's command`, `sudo rm ${path}`);
    }
    // Another was faster: the next try sees what there is.
    if (code !== 'ENOENT' && code !== 'EEXIST') throw error;
  }
}

function release(path: string): void {
  if (readHolder(path)?.pid === process.pid) unlinkSync(path);
}

function startTime(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}
