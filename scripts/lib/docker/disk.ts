const MIN_FREE_BYTES = 2 * 1024 ** 3;
const MIN_FREE_SHARE = 0.15;

/** A file system, in bytes. */
export interface Disk {
  /** What users other than root may still write. */
  free: number;
  size: number;
}

/** Whether an operator should make room: less than 15 % or 2 GB is left. */
export function isNearlyFull({ free, size }: Disk): boolean {
  return free < MIN_FREE_BYTES || free / size < MIN_FREE_SHARE;
}
