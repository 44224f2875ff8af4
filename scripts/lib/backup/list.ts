import { formatBytes, formatDuration, formatTable, paint } from '../terminal/report.ts';
import { isOfFuture, type Manifest, sumRows } from './manifest.ts';
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
    formatAge(manifest.createdAt, now),
    formatBytes(manifest.bytes),
    paint('cyan', formatBar(manifest.bytes, largest, BAR_WIDTH)),
    String(sumRows(manifest.tables)),
    manifest.schemaVersion || '-',
    missing.has(manifest.name) ? paint('red', 'THE DUMP IS MISSING') : formatProof(manifest, now),
  ]);
  return formatTable([head, ...rows], { spare: ['', 'SCHEMA', 'ROWS'] });
}

/** How old something is; in words where a clock was wrong. */
export function formatAge(at: string, now: number): string {
  return isOfFuture(at, now) ? 'in the future' : formatDuration(Math.max(0, now - Date.parse(at)));
}

function formatProof({ drill, signed }: Manifest, now: number): string {
  if (!signed) return paint('red', 'NOT SIGNED by this checkout');
  if (!drill) return paint('yellow', 'not yet');
  const ago = isOfFuture(drill.at, now) ? 'in the future' : `${formatAge(drill.at, now)} ago`;
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

/** A bar of a chart: full for the largest value. */
export function formatBar(value: number, largest: number, width: number): string {
  if (largest <= 0) return '';
  const eighths = Math.max(1, Math.round((value / largest) * width * 8));
  const rest = eighths % 8;
  return '█'.repeat(Math.floor(eighths / 8)) + (rest > 0 ? (' ▏▎▍▌▋▊▉'[rest] ?? '') : '');
}
