import { stat, statfs } from 'node:fs/promises';

const MIN_FREE_BYTES = 2 * 1024 ** 3;
const MIN_FREE_SHARE = 0.15;

/** A file system; bytes, and inodes: a file that is new needs one, however small. */
export interface Disk {
  /** What users other than root may still write. */
  free: number;
  size: number;
  freeInodes: number;
  /** 0 on one that makes them as they are needed, such as btrfs. */
  inodes: number;
  device: number;
}

/** What a disk is short of, so that an operator should make room: of less than 15 %, or 2 GB, is left. */
export function findShortage({ free, size, freeInodes, inodes }: Disk): 'bytes' | 'inodes' | undefined {
  if (free < MIN_FREE_BYTES || free / size < MIN_FREE_SHARE) return 'bytes';
  return inodes > 0 && freeInodes / inodes < MIN_FREE_SHARE ? 'inodes' : undefined;
}

/** @throws Error when there is nothing at that path, or it may not be looked at */
export async function readDisk(path: string): Promise<Disk> {
  const [{ bavail, blocks, bsize, files, ffree }, { dev }] = await Promise.all([statfs(path), stat(path)]);
  return { free: bavail * bsize, size: blocks * bsize, freeInodes: ffree, inodes: files, device: dev };
}
