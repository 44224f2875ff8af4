import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Scan } from '../../images/scan.ts';
import { fields, flag, list, map, moment, text, whole } from '../../process/fields.ts';
import { ROOT } from '../../process/root.ts';
import type { ScanFacts } from '../facts.ts';

/** Where `make prod-scan` leaves what it found. */
export function scanFolder(prefix: string): string {
  return join(ROOT, 'artifacts/scan', prefix);
}

const readFacts = fields<ScanFacts>({
  at: moment,
  imageIds: list(text(200), 20),
  high: list(text(1000), 10_000),
  method: text(10_000),
  complete: flag,
  components: map(text(200), whole(), 20),
});

/** Reads what a scan left. @throws Error with the reason */
export function parseScan(content: string): ScanFacts {
  return readFacts(JSON.parse(content), '');
}

/** What the last scan said; null when there was none, or its file says something else. */
export async function readScan(prefix: string): Promise<ScanFacts | null> {
  try {
    return parseScan(await readFile(join(scanFolder(prefix), 'summary.json'), 'utf8'));
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
