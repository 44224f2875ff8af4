import { DescribedError } from '../process/errors.ts';
import { formatDuration, sayFailure, sayOk, sayWarning } from '../terminal/report.ts';
import { loadBackupContext } from './context.ts';
import { listUsable } from './find.ts';
import { type BackupHealth, judgeBackups } from './health-rules.ts';

/** How the backups of this stack are; asks the folder alone, so that it can be said while the database is down. */
export async function readBackupHealth(): Promise<BackupHealth> {
  try {
    const { settings, store, backup } = await loadBackupContext();
    const canDrill = backup.recipients.length === 0 || backup.identityFile !== undefined;
    return judgeBackups(await listUsable(store, settings.prefix), Date.now(), canDrill);
  } catch (error) {
    if (!(error instanceof DescribedError)) throw error;
    const problems = [`the backups cannot be looked at: ${error.message}`];
    return { colour: 'yellow', problems, backupAgeMs: null, drillAgeMs: null, last: null };
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
