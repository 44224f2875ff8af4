import { isOfFuture, type Manifest, sortNewestFirst } from './manifest.ts';

const HOUR = 3_600_000;
/** A daily backup that is a little late is no reason to worry; one that was left out is. */
const BACKUP_STALE_MS = 26 * HOUR;
/** A weekly drill, and a day. */
const DRILL_STALE_MS = 8 * 24 * HOUR;

type Colour = 'green' | 'yellow' | 'red';

/** How old the last good backup and the last good drill are. */
export interface BackupHealth {
  colour: Colour;
  /** What deserves a look; empty when all is well. */
  problems: string[];
  backupAgeMs: number | null;
  drillAgeMs: number | null;
  /** The last backup's name. */
  last: string | null;
}

/**
 * Judges the backups of a stack.
 * @param manifests of all of them, in any order
 * @param canDrill whether this host can read them: encrypted ones need a private key, which may be elsewhere
 */
export function judgeBackups(manifests: readonly Manifest[], now: number, canDrill = true): BackupHealth {
  const past = sortNewestFirst(
    manifests.filter(({ createdAt }) => !isOfFuture(createdAt, now)),
    now,
  );
  const [last] = past;
  const future = manifests.length - past.length;
  const age = (at: string | undefined) => (at === undefined ? null : Math.max(0, now - Date.parse(at)));
  const drills = past.flatMap(({ drill }) => (drill && !isOfFuture(drill.at, now) ? [drill] : []));
  drills.sort((a, b) => b.at.localeCompare(a.at));
  const drillAgeMs = age(drills.find(({ ok }) => ok)?.at);
  const backupAgeMs = age(last?.createdAt);
  const red: string[] = [];
  const yellow =
    future > 0 ? [`${future} dated in the future count for nothing: the clock was wrong once`] : [];
  if (!last) yellow.push('there is no backup yet: make prod-backup');
  if (backupAgeMs !== null && backupAgeMs > BACKUP_STALE_MS)
    red.push('the last good backup is stale: make prod-backup');
  if (drills[0] && !drills[0].ok) red.push(`the last drill failed: ${drills[0].problems[0] ?? ''}`);
  const oldest = age(past.at(-1)?.createdAt) ?? 0;
  if (last && !canDrill) {
    if (drillAgeMs === null) yellow.push('this host cannot drill encrypted backups; do it where the key is');
  } else if ((drillAgeMs ?? oldest) > DRILL_STALE_MS) {
    red.push('no backup was drilled for too long: make prod-backup-verify');
  } else if (last && drillAgeMs === null) {
    yellow.push('no backup was drilled yet: make prod-backup-verify');
  }
  const colour = red.length > 0 ? 'red' : yellow.length > 0 ? 'yellow' : 'green';
  return { colour, problems: [...red, ...yellow], backupAgeMs, drillAgeMs, last: last?.name ?? null };
}
