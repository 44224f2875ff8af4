import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Scan } from '../../images/scan.ts';
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

/** Leaves what a scan found for the next look at the stack, and gives it. */
export async function writeScan(
  prefix: string,
  { described, looks, findings, judged }: Scan,
): Promise<ScanFacts> {
  const answered = looks.filter((look) => look.findings);
  const summary: ScanFacts = {
    at: new Date().toISOString(),
    imageIds: described.map(({ id }) => id),
    high: judged.failing.map(({ id, component }) => `${id} in ${component}`),
    method: answered.map(({ method }) => method).join('; '),
    complete: answered.length === looks.length,
    components: Object.fromEntries(described.map(({ id, components }) => [id, components.length])),
  };
  const text = JSON.stringify({ ...summary, findings }, undefined, 2);
  await writeFile(join(scanFolder(prefix), 'summary.json'), `${text}\n`);
  return summary;
}
