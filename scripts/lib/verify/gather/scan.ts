import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ROOT } from '../../process/root.ts';
import type { ScanFacts } from '../facts.ts';

/** Where `make prod-scan` leaves what it found. */
export function scanFolder(prefix: string): string {
  return join(ROOT, 'artifacts/scan', prefix);
}

/** What the last scan said; null when there was none. */
export async function readScan(prefix: string): Promise<ScanFacts | null> {
  try {
    return JSON.parse(await readFile(join(scanFolder(prefix), 'summary.json'), 'utf8')) as ScanFacts;
  } catch {
    return null;
  }
}
