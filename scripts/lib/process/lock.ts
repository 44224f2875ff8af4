import {
  chownSync,
  closeSync,
  constants,
  fchownSync,
  fstatSync,
  ftruncateSync,
  lstatSync,
  mkdirSync,
  openSync,
  readSync,
  statSync,
  writeSync,
} from 'node:fs';
import { userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { beginChanges } from './changes.ts';
import { DescribedError, Exit } from './errors.ts';
import { toPrintable } from './printable.ts';
import { ROOT } from './root.ts';
import { $, runOnFile } from './shell.ts';

/** Of what two commands may work on for long, such as the base images. */
const WAIT_SECONDS = 15 * 60;
const WAIT = ['flock', '--timeout', String(WAIT_SECONDS), '3'];
const TRY = ['flock', '--nonblock', '3'];
/** exit code of flock(1) when another has the lock. */
const TAKEN = 1;
const { O_RDWR, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = constants;
const held = new Set<string>();

/**
 * Takes the lock of a stack for the life of this process: one changing command at a time. It is a file of the checkout, which the
 * stack belongs to, so that its owner and root meet; the kernel lets go of it when this process ends, however it does (flock(2)).
 * @param prefix the stack's prefix
 * @param command the command as its user knows it, for the other one's message
 * @param looksFirst it says itself when it begins to change something, see `beginChanges`
 * @throws DescribedError that names the holder, or says why the file cannot be trusted
 */
export function lockStack(prefix: string, command: string, { looksFirst = false } = {}): void {
  const path = lockPath(prefix);
  const file = openLock(path, statSync(ROOT).uid);
  if (!tryLock(file, path)) {
    const holder = readHolder(file);
    closeSync(file);
    throw new DescribedError(
      `${holder.command} has been changing ${prefix} since ${holder.since}`,
      'wait until it is done, or end it with Ctrl-C, then run this again',
    );
  }
  noteHolder(file, command);
  if (!looksFirst) beginChanges(prefix);
}

/** The file that carries a stack's lock. */
export function lockPath(prefix: string): string {
  return join(ROOT, 'deploy/state/locks', `${prefix}.lock`);
}

/**
 * Takes a lock of this user's on the host for the life of this process; waits while another process has it, because that one
 * does the same work.
 * @param name of what is locked
 * @param command as its user knows it
 * @param tell takes the one line that says whom this waits for
 * @throws DescribedError that names the holder, after 15 minutes
 */
export async function waitForLock(
  name: string,
  command: string,
  tell: (line: string) => void,
): Promise<void> {
  if (held.has(name)) return;
  const { homedir, uid } = userInfo();
  const path = join(homedir, '.local/state/kidney-genetics', `${name}.lock`);
  const file = openLock(path, uid);
  if (!tryLock(file, path)) {
    const { command: other, since } = readHolder(file);
    tell(`  Waiting: ${other} has been at it since ${since}`);
    const { ok } = await $({ stdio: ['ignore', 'ignore', 'ignore', file], nothrow: true })`${WAIT}`;
    if (!ok)
      throw new DescribedError(`${other} has been at it since ${since}`, 'end it, then run this again');
  }
  held.add(name);
  noteHolder(file, command);
}

/**
 * Opens a lock's file without following or waiting for what somebody may have put there.
 * @param owner uid of whom the file and its folder are; made by root they become theirs
 * @returns its descriptor
 * @throws DescribedError when it is not a plain file of theirs in a folder of theirs alone
 */
export function openLock(path: string, owner: number): number {
  makeFolder(dirname(path), owner);
  let file: number;
  try {
    file = openSync(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600);
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (['ELOOP', 'EISDIR', 'ENXIO', 'ENODEV'].includes(code)) throw distrust(path, 'is no file');
    throw error;
  }
  const { uid, nlink } = fstatSync(file);
  const problem =
    !fstatSync(file).isFile() || nlink !== 1 ? 'is no file of its own' : findStranger(uid, owner);
  if (problem) {
    closeSync(file);
    throw distrust(path, problem);
  }
  if (uid !== owner) fchownSync(file, owner, statSync(dirname(path)).gid);
  return file;
}

/** A folder of the owner's alone; made by root in somebody's checkout it is theirs, and so are those made above it. */
function makeFolder(path: string, owner: number): void {
  const first = mkdirSync(path, { recursive: true, mode: 0o700 });
  for (let made = path; first && made.length >= first.length; made = dirname(made))
    if (userInfo().uid !== owner) chownSync(made, owner, statSync(dirname(first)).gid);
  const found = lstatSync(path);
  const open = (found.mode & 0o022) === 0 ? undefined : 'can be written by others';
  const problem = found.isDirectory() ? (findStranger(found.uid, owner) ?? open) : 'is no folder';
  if (problem) throw distrust(path, problem);
}

function findStranger(uid: number, owner: number): string | undefined {
  return uid === owner || uid === 0 ? undefined : `belongs to another user (uid ${uid})`;
}

function distrust(path: string, problem: string): DescribedError {
  return new DescribedError(
    `The lock ${path} ${problem}: somebody else put it there`,
    `look at it, and remove it: ls -ld ${path}`,
    Exit.missing,
  );
}

/** flock(1) locks the open file that it is given, and this process keeps it open. */
function tryLock(file: number, path: string): boolean {
  const exitCode = runOnFile(TRY, file);
  if (exitCode > TAKEN) {
    throw new DescribedError(
      `The lock ${path} cannot be taken (flock: exit ${exitCode})`,
      'flock is in the package util-linux: apt-get install util-linux',
      Exit.missing,
    );
  }
  return exitCode === 0;
}

function noteHolder(file: number, command: string): void {
  ftruncateSync(file);
  const { username } = userInfo();
  writeSync(file, `${command} (pid ${process.pid}, ${username})\n${new Date().toISOString()}\n`, 0);
}

function readHolder(file: number): { command: string; since: string } {
  const text = Buffer.alloc(500);
  return parseHolder(text.toString('utf8', 0, readSync(file, text, 0, text.length, 0)));
}

/** Who holds a lock, as its file says, whoever wrote it: two lines that may be shown. */
export function parseHolder(text: string): { command: string; since: string } {
  const [command = '', since = ''] = text.split('\n');
  return { command: toPrintable(command, 120) || 'Another command', since: toPrintable(since, 40) || 'now' };
}
