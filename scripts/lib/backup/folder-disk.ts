import { randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { DescribedError, Exit } from '../process/errors.ts';
import { map, text } from '../process/fields.ts';
import { writeWhole } from '../process/files.ts';
import { ROOT } from '../process/root.ts';
import { stateDir } from '../release/history.ts';

/** Lies in a folder of backups on a disk of its own, and holds an id that the checkout remembers. */
const MARK = '.backup-disk';
const id = text(36, /^[0-9a-f-]{36}$/);

/**
 * A folder whose disk is not mounted is an empty folder of the host's own disk, which would fill up with backups that nobody
 * looks for there.
 * @throws DescribedError (exit 3) where backups went to another disk before
 */
export function assertSameDisk(stack: string, folder: string): void {
  const known = readKnown(stack)[folder];
  if (known === undefined || readMark(folder) === known) return;
  throw new DescribedError(
    `${folder} is not on the disk that backups went to before: it is not mounted, or is another one`,
    `mount it; or, where the former is gone for good: rm ${relative(ROOT, statePath(stack))}`,
    Exit.missing,
  );
}

/** Marks a folder that is not on the checkout's own disk. */
export function rememberDisk(stack: string, folder: string): void {
  const known = readKnown(stack);
  if (known[folder] !== undefined || statSync(folder).dev === statSync(ROOT).dev) return;
  const mark = readMark(folder) ?? randomUUID();
  writeWhole(join(folder, MARK), `${mark}\n`, { mode: 0o600 });
  mkdirSync(stateDir(stack), { recursive: true });
  writeWhole(statePath(stack), JSON.stringify({ ...known, [folder]: mark }), { mode: 0o644 });
}

function statePath(stack: string): string {
  return join(stateDir(stack), 'backup-disks.json');
}

function readMark(folder: string): string | undefined {
  return readIfThere(join(folder, MARK), (content) => id(content.trim(), MARK));
}

function readKnown(stack: string): Record<string, string> {
  const read = map(text(4096), id, 100);
  return readIfThere(statePath(stack), (content) => read(JSON.parse(content), 'disks')) ?? {};
}

/** @returns undefined for a file that is not there, or holds something else */
function readIfThere<T>(path: string, read: (content: string) => T): T | undefined {
  try {
    return read(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}
