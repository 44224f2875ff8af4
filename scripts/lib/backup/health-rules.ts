import type { Manifest } from './manifest.ts';

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
  const byAge = [...manifests].sort((a, b) => b.createdAt.localeCompare(a.createdAt));
  const [last] = byAge;
  const age = (at: string | undefined) => (at === undefined ? null : now - Date.parse(at));
  const drills = byAge.flatMap(({ drill }) => (drill ? [drill] : []));
  drills.sort((a, b) => b.at.localeCompare(a.at));
  const drillAgeMs = age(drills.find(({ ok }) => ok)?.at);
  const backupAgeMs = age(last?.createdAt);
  const health = { backupAgeMs, drillAgeMs, last: last?.name ?? null };
  if (!last) return { ...health, colour: 'yellow', problems: ['there is no backup yet: make prod-backup'] };
  const red: string[] = [];
  const yellow: string[] = [];
  if (backupAgeMs !== null && backupAgeMs > BACKUP_STALE_MS)
    red.push('the last good backup is stale: make prod-backup');
  if (drills[0] && !drills[0].ok) red.push(`the last drill failed: ${drills[0].problems[0] ?? ''}`);
  const oldest = age(byAge.at(-1)?.createdAt) ?? 0;
  if (!canDrill) {
    if (drillAgeMs === null) yellow.push('this host cannot drill encrypted backups; do it where the key is');
  } else if ((drillAgeMs ?? oldest) > DRILL_STALE_MS) {
    red.push('no backup was drilled for too long: make prod-backup-verify');
  } else if (drillAgeMs === null) {
    yellow.push('no backup was drilled yet: make prod-backup-verify');
  }
  const colour = red.length > 0 ? 'red' : yellow.length > 0 ? 'yellow' : 'green';
  return { ...health, colour, problems: [...red, ...yellow] };
}
