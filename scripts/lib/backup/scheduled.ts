import type { BackupContext } from './context.ts';
import { chooseStore, findBackups, listUsable } from './find.ts';
import { makeUpCopy, pruneBackups, runBackup, runDrills } from './run.ts';
import { findDue } from './schedule-rules.ts';

/** The run of the clock: a backup each day, a drill each week, then what is too old goes. */
export async function runScheduled(context: BackupContext): Promise<void> {
  const { store, settings, backup } = context;
  const due = findDue(await listUsable(store, settings.prefix), new Date());
  if (due.backup) await runBackup(context);
  const copied = !due.backup && (await makeUpCopy(context));
  const readable = backup.recipients.length === 0 || backup.identityFile !== undefined;
  if (due.drill && readable) await runDrills(context, await findBackups(context, 'latest'));
  if (!due.backup && !copied) return;
  await pruneBackups(context, store, false);
  if (backup.remote) await pruneBackups(context, await chooseStore(context, true), false);
}
