import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { DescribedError, Exit } from '../process/errors.ts';
import { parseRemote } from '../stack/backup-settings.ts';
import { sayWarning } from '../terminal/report.ts';
import type { BackupContext } from './context.ts';
import { type Manifest, sortNewestFirst } from './manifest.ts';
import { openRemote } from './remote.ts';
import { type BackupStore, findInFolder, OTHER } from './store.ts';

export interface FoundBackup {
  store: BackupStore;
  manifest: Manifest;
}

/** The backups of this stack in a store, newest first; those that are dated in the future come last. */
export async function listOwn(store: BackupStore, stack: string): Promise<Manifest[]> {
  const { manifests, unreadable } = await store.list();
  for (const { file, reason } of unreadable.filter((one) => one.file.startsWith(`${stack}-`)))
    sayWarning(`${store.place}/${file} cannot be read and is passed over: ${reason}`);
  return sortNewestFirst(
    manifests.filter((manifest) => manifest.stack === stack),
    Date.now(),
  );
}

/** Like `listOwn`, without those that count as no backup: nobody signed them, or somebody has removed their dump. */
export async function listUsable(store: BackupStore, stack: string): Promise<Manifest[]> {
  const [own, files] = await Promise.all([listOwn(store, stack), store.files()]);
  return own.filter(({ file, signed }) => signed && files.has(file));
}

/** @throws DescribedError for a backup that this checkout's key did not sign, unless its user gives a word for it */
export function assertTrusted({ trust }: BackupContext, { manifest, store }: FoundBackup): void {
  if (manifest.signed || trust) return;
  throw new DescribedError(
    `${manifest.file} is not signed with the BACKUP_KEY of this checkout: whoever can write to ${store.place} may have made it`,
    'put the line BACKUP_KEY=... of the host that made it into the env file; or, where you know where it comes from: the same command with TRUST=1',
  );
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
    const found = target === 'all' ? await listOwn(store, prefix) : await findLatest(context, store);
    if (found.length === 0)
      throw new DescribedError(`There is no backup in ${store.place}`, 'make prod-backup');
    return found.map((manifest) => ({ store, manifest }));
  }
  if (target.startsWith('s3://')) return [await findInBucket(context, target)];
  const inFolder = context.store.pathOf({ file: target });
  return [
    await findInFolder(
      !target.includes('/') && existsSync(inFolder) ? inFolder : resolve(target),
      context.backup,
    ),
  ];
}

/** The newest that counts; where none does, the newest of those that need a word. */
async function findLatest({ settings, trust }: BackupContext, store: BackupStore): Promise<Manifest[]> {
  const usable = await listUsable(store, settings.prefix);
  if (usable.length > 0 && !trust) return usable.slice(0, 1);
  const files = await store.files();
  return (await listOwn(store, settings.prefix)).filter(({ file }) => files.has(file)).slice(0, 1);
}

async function findInBucket(context: BackupContext, target: string): Promise<FoundBackup> {
  const [, folder = '', file = ''] = /^(.*)\/([^/]+)$/.exec(target) ?? [];
  const location = parseRemote(folder);
  if (!location) {
    throw new DescribedError(`${target} names no object`, 'such as s3://bucket/prefix/NAME.dump', Exit.usage);
  }
  const store = await openRemote(context.backup, location);
  const { manifests } = await store.list();
  const newest = sortNewestFirst(manifests, Date.now());
  const manifest =
    file === 'latest'
      ? (newest.find(({ signed }) => signed) ?? newest[0])
      : manifests.find((one) => one.file === file || one.name === file);
  if (!manifest) throw new DescribedError(`${target} is missing, or has no manifest beside it`, OTHER);
  return { store, manifest };
}
