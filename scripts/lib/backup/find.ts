import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { DescribedError, Exit } from '../process/errors.ts';
import { parseRemote } from '../stack/backup-settings.ts';
import type { BackupContext } from './context.ts';
import type { Manifest } from './manifest.ts';
import { openRemote } from './remote.ts';
import { type BackupStore, findInFolder, OTHER } from './store.ts';

export interface FoundBackup {
  store: BackupStore;
  manifest: Manifest;
}

/** The backups of this stack in a store, newest first. */
export async function listOwn(store: BackupStore, stack: string): Promise<Manifest[]> {
  return (await store.list()).filter((manifest) => manifest.stack === stack);
}

/** Like `listOwn`, without those whose dump somebody has removed: they count as no backup. */
export async function listUsable(store: BackupStore, stack: string): Promise<Manifest[]> {
  const [own, files] = await Promise.all([listOwn(store, stack), store.files()]);
  return own.filter(({ file }) => files.has(file));
}

/** The folder of backups, or the bucket where that is asked for. */
export function chooseStore(context: BackupContext, remote: boolean): BackupStore | Promise<BackupStore> {
  return remote ? openRemote(context.backup) : context.store;
}

/**
 * Finds the backups that a user names.
 * @param target latest, all, the path of a dump, the name of one in the backups' folder, or s3://bucket/prefix/FILE
 * @param remote looks for latest and all in the bucket
 * @throws DescribedError when there is none
 */
export async function findBackups(
  context: BackupContext,
  target: string,
  remote = false,
): Promise<FoundBackup[]> {
  if (target === 'latest' || target === 'all') {
    const store = await chooseStore(context, remote);
    const { prefix } = context.settings;
    const found =
      target === 'all' ? await listOwn(store, prefix) : (await listUsable(store, prefix)).slice(0, 1);
    if (found.length === 0)
      throw new DescribedError(`There is no backup in ${store.place}`, 'make prod-backup');
    return found.map((manifest) => ({ store, manifest }));
  }
  if (target.startsWith('s3://')) return [await findInBucket(context, target)];
  const inFolder = context.store.pathOf({ file: target });
  return [await findInFolder(!target.includes('/') && existsSync(inFolder) ? inFolder : resolve(target))];
}

async function findInBucket(context: BackupContext, target: string): Promise<FoundBackup> {
  const [, folder = '', file = ''] = /^(.*)\/([^/]+)$/.exec(target) ?? [];
  const location = parseRemote(folder);
  if (!location) {
    throw new DescribedError(`${target} names no object`, 'such as s3://bucket/prefix/NAME.dump', Exit.usage);
  }
  const store = await openRemote(context.backup, location);
  const manifests = await store.list();
  if (file === 'latest' && manifests[0]) return { store, manifest: manifests[0] };
  const manifest = manifests.find((one) => one.file === file || one.name === file);
  if (!manifest) throw new DescribedError(`${target} is missing, or has no manifest beside it`, OTHER);
  return { store, manifest };
}
