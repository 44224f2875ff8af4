import { DescribedError } from '../process/errors.ts';
import { Progress } from '../terminal/progress.ts';
import { formatBytes, formatDuration, sayFailure, sayOk } from '../terminal/report.ts';
import { type BackupContext, loadBackupContext, lockBackups } from './context.ts';
import { createBackup, findDatabase } from './create.ts';
import { drillBackup } from './drill.ts';
import { type DrillImages, findDrillImages } from './drill-images.ts';
import { assertTrusted, type FoundBackup, listUsable } from './find.ts';
import { describeRows, type Manifest } from './manifest.ts';
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
  const { settings, database, backup, store } = context;
  return tellOutcome(context, 'backup', async () => {
    await store.open(settings.prefix);
    const progress = new Progress('dumping');
    const onProgress = (bytes: number, expected: number | undefined) => progress.show(bytes, expected);
    const job = { settings, database, store, recipients: backup.recipients, onProgress };
    const manifest = await createBackup(job).finally(() => progress.end());
    const { tables, bytes, durationMs, file } = manifest;
    const size = formatBytes(bytes);
    sayOk(`${store.pathOf({ file })}: ${size}, ${describeRows(tables)}, in ${formatDuration(durationMs)}`);
    if (backup.remote) await copyAway(context, manifest);
    return { result: manifest, message: `${file}, ${size}` };
  });
}

/**
 * A backup before something is changed: the same as `make prod-backup`.
 * @param command what is about to change, as its user knows it
 * @throws DescribedError when none could be made
 */
export async function backUpBefore(command: string): Promise<Manifest> {
  const context = await loadBackupContext();
  await lockBackups(context, command);
  return runBackup(context);
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
  return tellOutcome(context, 'backup', async () => {
    const there = (await (await openRemote(backup)).files()).has(`${newest.name}.json`);
    if (!there) await copyAway(context, newest);
    return { result: !there, message: there ? undefined : `${newest.file}, copied` };
  });
}

async function copyAway({ backup, store }: BackupContext, manifest: Manifest): Promise<void> {
  const remote = await openRemote(backup);
  const progress = new Progress('uploading');
  const startedAt = performance.now();
  const onBytes = (bytes: number) => progress.show(bytes, manifest.bytes);
  await remote.upload(manifest, store, onBytes).finally(() => progress.end());
  const took = formatDuration(performance.now() - startedAt);
  sayOk(`${remote.place}/${manifest.file}: copied and read back in ${took}`);
}

/**
 * Drills backups one after the other, and tells how it went. Needs the lock.
 * @param images of the deployed release unless said
 * @throws DescribedError when one of them is no good, or not proven
 */
export async function runDrills(
  context: BackupContext,
  found: readonly FoundBackup[],
  images?: DrillImages,
): Promise<void> {
  await tellOutcome(context, 'verify', async () => {
    await context.store.open(context.settings.prefix);
    const chosen = images ?? (await findDrillImages(context.settings));
    const bad: string[] = [];
    const unclear: DescribedError[] = [];
    for (const one of found) {
      try {
        if (!(await runDrill(context, one, chosen))) bad.push(one.manifest.file);
      } catch (error) {
        if (!(error instanceof DescribedError)) throw error;
        if (found.length > 1) sayFailure(error.message, error.hint);
        unclear.push(error);
      }
    }
    if (bad.length > 0) {
      const cause = `${bad.length} of ${found.length} cannot be restored: ${bad.join(', ')}`;
      throw new DescribedError(cause, 'make a good one: make prod-backup');
    }
    const [first] = unclear;
    if (first && found.length === 1) throw first;
    if (first) throw new DescribedError(`${unclear.length} of ${found.length} are not proven`, first.hint);
    return { result: undefined, message: `${found.length} proven` };
  });
}

/** @returns whether the backup is good */
async function runDrill(context: BackupContext, found: FoundBackup, images: DrillImages): Promise<boolean> {
  const { manifest } = found;
  assertTrusted(context, found);
  const progress = new Progress('restoring');
  const onProgress = (bytes: number) => progress.show(bytes, manifest.bytes);
  const drill = await drillBackup(context, found, images, onProgress).finally(() => progress.end());
  const { ok, restoreMs, problems } = drill;
  const took = `a restore takes ${formatDuration(restoreMs)}`;
  if (ok) {
    sayOk(`${manifest.file} is proven: ${describeRows(manifest.tables)}, the API is healthy on it; ${took}`);
  } else sayFailure(`${manifest.file} is no good:\n    ${problems.slice(0, 10).join('\n    ')}`, '');
  return ok;
}

/** Does something, and tells database, webhook and ping how it went; without a message, nothing was done. */
async function tellOutcome<T>(
  context: BackupContext,
  kind: 'backup' | 'verify',
  work: () => Promise<{ result: T; message: string | undefined }>,
): Promise<T> {
  try {
    const { result, message } = await work();
    if (message) await tell(context, kind, true, message);
    return result;
  } catch (error) {
    await tell(context, kind, false, (error as Error).message);
    throw error;
  }
}

async function tell(
  { settings, database, backup }: BackupContext,
  kind: 'backup' | 'verify',
  ok: boolean,
  message: string,
): Promise<void> {
  const server = await findDatabase(settings).catch(() => undefined);
  if (server) await recordOutcome(server.name, database, kind, ok, { message });
  await notify(backup, { stack: settings.prefix, kind, ok, message });
}

/**
 * Removes the backups that nothing keeps.
 * @param dryRun only tells which
 */
export async function pruneBackups(
  { settings, backup }: BackupContext,
  store: BackupStore,
  dryRun: boolean,
): Promise<Verdict[]> {
  const verdicts = planRetention(await listUsable(store, settings.prefix), backup.keep, Date.now());
  const going = verdicts.filter(({ reasons }) => reasons.length === 0);
  if (!dryRun) for (const { manifest } of going) await store.remove(manifest);
  return verdicts;
}
