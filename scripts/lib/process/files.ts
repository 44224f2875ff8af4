import {
  closeSync,
  fchmodSync,
  fchownSync,
  fsyncSync,
  linkSync,
  openSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';

export interface FileSettings {
  /** Exactly this, whatever the umask is. */
  mode: number;
  owner?: { uid: number; gid: number };
  /** Only if there is no such file yet: EEXIST else, also when another process makes it at the same moment. */
  isNew?: boolean;
}

/**
 * Writes a file as a whole: it is the former one or this one at any moment, also after a power cut. Its folder must exist.
 * A symbolic link in its place is replaced, not followed.
 * @throws the system's error; what was there before is untouched then
 */
export function writeWhole(path: string, content: string | Uint8Array, settings: FileSettings): void {
  // Hidden: cron and others who read whole folders pass it by.
  const draft = join(dirname(path), `.${basename(path).replace(/^\./, '')}.${process.pid}.draft`);
  try {
    rmSync(draft, { force: true });
    writeDraft(draft, content, settings);
    if (settings.isNew) linkSync(draft, path);
    else renameSync(draft, path);
  } finally {
    rmSync(draft, { force: true });
  }
  syncFolder(dirname(path));
}

function writeDraft(draft: string, content: string | Uint8Array, { mode, owner }: FileSettings): void {
  const file = openSync(draft, 'wx', mode & 0o700);
  try {
    if (owner) fchownSync(file, owner.uid, owner.gid);
    fchmodSync(file, mode);
    writeFileSync(file, content);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** A name in a folder survives a power cut once the folder itself is on the disk. */
export function syncFolder(path: string): void {
  const folder = openSync(path, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
