import { formatBytes, formatDuration, formatTable, paint } from '../terminal/report.ts';
import { formatBar, type Manifest, sumRows } from './manifest.ts';
import type { Verdict } from './retention-rules.ts';

const BAR_WIDTH = 20;

/**
 * A table of backups, newest first, with a bar for each one's size.
 * @param missing names of those whose dump is not there
 */
export function formatBackups(
  manifests: readonly Manifest[],
  missing: ReadonlySet<string>,
  now: number,
): string {
  const largest = Math.max(...manifests.map(({ bytes }) => bytes));
  const head = ['BACKUP', 'AGE', 'SIZE', '', 'ROWS', 'SCHEMA', 'PROVEN'].map((word) => paint('bold', word));
  const rows = manifests.map((manifest) => [
    manifest.file,
    formatDuration(now - Date.parse(manifest.createdAt)),
    formatBytes(manifest.bytes),
    paint('cyan', formatBar(manifest.bytes, largest, BAR_WIDTH)),
    String(sumRows(manifest.tables)),
    manifest.schemaVersion || '-',
    missing.has(manifest.name) ? paint('red', 'THE DUMP IS MISSING') : formatDrill(manifest, now),
  ]);
  return formatTable([head, ...rows]);
}

function formatDrill({ drill }: Manifest, now: number): string {
  if (!drill) return paint('yellow', 'not yet');
  const ago = `${formatDuration(now - Date.parse(drill.at))} ago`;
  if (!drill.ok) return paint('red', `no good (${ago})`);
  return paint('green', `${ago}, in ${formatDuration(drill.restoreMs)}`);
}

/** What pruning does with each backup, and why. */
export function formatVerdicts(verdicts: readonly Verdict[]): string {
  const rows = verdicts.map(({ manifest, reasons }) => [
    manifest.file,
    reasons.length > 0 ? paint('green', 'stays') : paint('yellow', 'goes'),
    reasons.join(', '),
  ]);
  return formatTable([['BACKUP', 'FATE', 'WHY'].map((word) => paint('bold', word)), ...rows]);
}
