import { DescribedError } from '../process/errors.ts';
import { Progress } from '../terminal/progress.ts';
import { formatBytes, formatDuration, sayFailure, sayOk } from '../terminal/report.ts';
import { type BackupContext, loadBackupContext, lockBackups } from './context.ts';
import { createBackup, findDatabase } from './create.ts';
import { drillBackup } from './drill.ts';
import { type FoundBackup, listUsable } from './find.ts';
import { type Drill, type Manifest, sumRows } from './manifest.ts';
import { notify } from './notify.ts';
import { openRemote } from './remote.ts';
import { planRetention, type Verdict } from './retention-rules.ts';
import { recordOutcome } from './status.ts';
import type { BackupStore } from './store.ts';

/**
 * Makes a backup, copies it off the host where a bucket is set, and tells how it went. Needs the lock.
 * @throws DescribedError, having told of it
 */
export async function runBackup(context: BackupContext): Promise<Manifest> {
  try {
    const manifest = await makeBackup(context);
    await tell(context, 'backup', true, `${manifest.file}, ${formatBytes(manifest.bytes)}`);
    return manifest;
  } catch (error) {
    await tell(context, 'backup', false, (error as Error).message);
    throw error;
  }
}

/**
 * A backup before something is changed: the same as `make prod-backup`.
 * @param command what is about to change, as its user knows it
 * @throws DescribedError when none could be made
 */
export async function backUpBefore(command: string): Promise<Manifest> {
  const context = await loadBackupContext();
  await lockBackups(context, command);
  await context.store.prepare();
  await context.store.settle(context.settings.prefix);
  return runBackup(context);
}

async function makeBackup(context: BackupContext): Promise<Manifest> {
  const { settings, database, backup, store } = context;
  const progress = new Progress('dumping');
  const onProgress = ({ bytes, expected }: { bytes: number; expected: number | undefined }) =>
    progress.show(bytes, expected);
  const job = { settings, database, store, recipients: backup.recipients, onProgress };
  const manifest = await createBackup(job).finally(() => progress.end());
  const { tables, bytes, durationMs, file } = manifest;
  const rows = `${sumRows(tables)} rows of ${Object.keys(tables).length} tables`;
  sayOk(`${store.pathOf({ file })}: ${formatBytes(bytes)}, ${rows}, in ${formatDuration(durationMs)}`);
  if (backup.remote) await copyAway(context, manifest);
  return manifest;
}

/**
 * Copies the newest backup into the bucket when it is not there, because the bucket did not answer at the time. Needs the lock.
 * @returns whether there was something to copy
 * @throws DescribedError, having told of it
 */
export async function makeUpCopy(context: BackupContext): Promise<boolean> {
  const { backup, store, settings } = context;
  const [newest] = backup.remote ? await listUsable(store, settings.prefix) : [];
  if (!newest) return false;
  try {
    const there = await (await openRemote(backup)).files();
    if (there.has(`${newest.name}.json`)) return false;
    await copyAway(context, newest);
    await tell(context, 'backup', true, `${newest.file}, copied`);
    return true;
  } catch (error) {
    await tell(context, 'backup', false, (error as Error).message);
    throw error;
  }
}

async function copyAway({ backup, store }: BackupContext, manifest: Manifest): Promise<void> {
  const remote = await openRemote(backup);
  const progress = new Progress('uploading');
  const startedAt = Date.now();
  await remote
    .upload(manifest, store, (bytes) => progress.show(bytes, manifest.bytes))
    .finally(() => progress.end());
  const took = formatDuration(Date.now() - startedAt);
  sayOk(`${remote.place}/${manifest.file}: copied and read back in ${took}`);
}

/**
 * Drills backups one after the other, and tells how it went. Needs the lock.
 * @throws DescribedError when one of them is no good
 */
export async function runDrills(context: BackupContext, found: readonly FoundBackup[]): Promise<void> {
  try {
    await drillAll(context, found);
    await tell(context, 'verify', true, `${found.length} proven`);
  } catch (error) {
    await tell(context, 'verify', false, (error as Error).message);
    throw error;
  }
}

async function drillAll(context: BackupContext, found: readonly FoundBackup[]): Promise<void> {
  await context.store.prepare();
  await context.store.settle(context.settings.prefix);
  const failed: string[] = [];
  for (const one of found) if (!(await runDrill(context, one)).ok) failed.push(one.manifest.file);
  if (failed.length === 0) return;
  const cause = `${failed.length} of ${found.length} cannot be restored: ${failed.join(', ')}`;
  throw new DescribedError(cause, 'make a good one: make prod-backup');
}

async function runDrill(context: BackupContext, { store, manifest }: FoundBackup): Promise<Drill> {
  const progress = new Progress('restoring');
  const onProgress = (bytes: number) => progress.show(bytes, manifest.bytes);
  const { settings, backup } = context;
  const job = { settings, store, manifest, identityFile: backup.identityFile, onProgress };
  const drill = await drillBackup(job).finally(() => progress.end());
  const rows = `${sumRows(manifest.tables)} rows of ${Object.keys(manifest.tables).length} tables`;
  if (drill.ok) {
    sayOk(
      `${manifest.file} is proven: ${rows}, the API is healthy on it; a restore takes ${formatDuration(drill.restoreMs)}`,
    );
  } else sayFailure(`${manifest.file} is no good:\n    ${drill.problems.slice(0, 10).join('\n    ')}`, '');
  return drill;
}

async function tell(
  context: BackupContext,
  kind: 'backup' | 'verify',
  ok: boolean,
  message: string,
): Promise<void> {
  const { settings, database, backup } = context;
  const server = await findDatabase(settings).catch(() => undefined);
  if (server) await recordOutcome(server.name, database, kind, ok, { message });
  await notify(backup, { stack: settings.prefix, kind, ok, message });
}

/**
 * Removes the backups that nothing keeps.
 * @param dryRun only tells which
 */
export async function thinBackups(
  context: BackupContext,
  store: BackupStore,
  dryRun: boolean,
): Promise<Verdict[]> {
  const verdicts = planRetention(await listUsable(store, context.settings.prefix), context.backup.keep);
  if (dryRun) return verdicts;
  await context.store.settle(context.settings.prefix);
  for (const { manifest, reasons } of verdicts) if (reasons.length === 0) await store.remove(manifest);
  return verdicts;
}
