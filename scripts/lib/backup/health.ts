import { DescribedError } from '../process/errors.ts';
import { formatDuration, sayFailure, sayOk, sayWarning } from '../terminal/report.ts';
import { loadBackupContext } from './context.ts';
import { listOwn, listUsable } from './find.ts';
import { assertSameDisk } from './folder-disk.ts';
import { type BackupHealth, judgeBackups } from './health-rules.ts';
import { schedulePaths } from './schedule.ts';
import { findWrongUser } from './schedule-owner.ts';

/** How the backups of this stack are; asks the folder alone, so that it can be said while the database is down. */
export async function readBackupHealth(): Promise<BackupHealth> {
  try {
    const { settings, store, backup } = await loadBackupContext();
    assertSameDisk(settings.prefix, store.folder);
    const canDrill = backup.recipients.length === 0 || backup.identityFile !== undefined;
    const health = judgeBackups(await listUsable(store, settings.prefix), Date.now(), canDrill);
    const strange = (await listOwn(store, settings.prefix)).filter(({ signed }) => !signed).length;
    const problems = [
      ...(strange > 0
        ? [`${strange} not signed by this checkout count for nothing: make prod-backup-list`]
        : []),
      ...findWrongUser(schedulePaths(settings)),
    ];
    const colour = health.colour === 'green' && problems.length > 0 ? 'yellow' : health.colour;
    return { ...health, colour, problems: [...health.problems, ...problems] };
  } catch (error) {
    if (!(error instanceof DescribedError)) throw error;
    const problems = [`the backups cannot be looked at: ${error.message}`];
    return { colour: 'red', problems, backupAgeMs: null, drillAgeMs: null, last: null };
  }
}

/** One line on the ages, and one on each problem. */
export function sayBackupHealth(health: BackupHealth): void {
  const { colour, problems, backupAgeMs, drillAgeMs } = health;
  const age = (ms: number | null) => (ms === null ? 'none' : `${formatDuration(ms)} ago`);
  if (backupAgeMs !== null) {
    const line = `Backups   last good one ${age(backupAgeMs)}, last good drill ${age(drillAgeMs)}`;
    if (colour === 'red') sayFailure(line, '');
    else sayOk(line);
  }
  for (const problem of problems) {
    if (colour === 'red') sayFailure(`Backups   ${problem}`, '');
    else sayWarning(`Backups   ${problem}`);
  }
}
