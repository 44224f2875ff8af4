import type { Keep } from '../stack/backup-settings.ts';
import { isOfFuture, type Manifest, sortNewestFirst } from './manifest.ts';

/** A backup and why it stays; without reasons it goes. */
export interface Verdict {
  manifest: Manifest;
  reasons: string[];
}

/**
 * Decides which backups stay: the newest of each of the last days, weeks and months that have any, the newest of all, the
 * newest that a drill proved, and those newer than that one, which no drill has reached yet.
 * A backup whose drill failed fills no day, week or month and goes, unless there is no other. One that is dated in the future
 * stays, and stands for nothing.
 */
export function planRetention(manifests: readonly Manifest[], keep: Keep, now: number): Verdict[] {
  const future = manifests.filter(({ createdAt }) => isOfFuture(createdAt, now));
  const newestFirst = sortNewestFirst(
    manifests.filter((one) => !future.includes(one)),
    now,
  );
  const good = newestFirst.filter(({ drill }) => drill?.ok !== false);
  const reasons = new Map<string, string[]>(newestFirst.map(({ name }) => [name, []]));
  const add = (manifest: Manifest | undefined, reason: string) =>
    manifest && reasons.get(manifest.name)?.push(reason);
  add(good[0] ?? newestFirst[0], 'newest');
  const proven = newestFirst.findIndex(({ drill }) => drill?.ok === true);
  if (proven >= 0) {
    add(newestFirst[proven], 'newest proven');
    for (const manifest of newestFirst.slice(0, proven)) {
      if (manifest.drill === undefined) add(manifest, 'not drilled yet');
    }
  }
  for (const [word, period, count] of periods(keep)) {
    const seen = new Set<string>();
    for (const manifest of good) {
      const at = period(new Date(manifest.createdAt));
      if (seen.has(at)) continue;
      if (seen.size >= count) break;
      seen.add(at);
      add(manifest, `${word} ${at}`);
    }
  }
  return [
    ...future.map((manifest) => ({ manifest, reasons: ['dated in the future'] })),
    ...newestFirst.map((manifest) => ({ manifest, reasons: reasons.get(manifest.name) ?? [] })),
  ];
}

function periods(keep: Keep): [string, (at: Date) => string, number][] {
  return [
    ['day', (at) => at.toISOString().slice(0, 10), keep.daily],
    ['week', isoWeek, keep.weekly],
    ['month', (at) => at.toISOString().slice(0, 7), keep.monthly],
  ];
}

/** The week by ISO 8601, whose first week holds the year's first Thursday: `2026-W01`. */
export function isoWeek(at: Date): string {
  const thursday = new Date(Date.UTC(at.getUTCFullYear(), at.getUTCMonth(), at.getUTCDate()));
  thursday.setUTCDate(thursday.getUTCDate() + 4 - (thursday.getUTCDay() || 7));
  const year = thursday.getUTCFullYear();
  const week = Math.ceil(((thursday.getTime() - Date.UTC(year, 0, 1)) / 86_400_000 + 1) / 7);
  return `${year}-W${String(week).padStart(2, '0')}`;
}
