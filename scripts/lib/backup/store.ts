import { createReadStream, existsSync } from 'node:fs';
import { access, constants, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import type { Readable } from 'node:stream';
import { DescribedError, Exit } from '../process/errors.ts';
import { syncFolder, writeWhole } from '../process/files.ts';
import { toPrintable } from '../process/printable.ts';
import { ROOT } from '../process/root.ts';
import type { BackupSettings } from '../stack/backup-settings.ts';
import { assertSameDisk, rememberDisk } from './folder-disk.ts';
import { MANIFEST_BYTES, type Manifest, readManifest, writeManifest } from './manifest.ts';

/** The backups of a place, and the manifests there that cannot be read, each with the reason. */
export interface Listing {
  manifests: Manifest[];
  unreadable: { file: string; reason: string }[];
}

/** A place that holds backups. */
export interface BackupStore {
  /** As its user knows it: a folder or s3://bucket/prefix. */
  readonly place: string;
  /** All backups with their manifest. */
  list(): Promise<Listing>;
  /** The names of the dumps that are there, whether whole or not. */
  files(): Promise<Set<string>>;
  /** @throws DescribedError when its dump is not there as a whole */
  read(manifest: Manifest): Promise<Readable>;
  /** Replaces what is said of a backup. */
  saveManifest(manifest: Manifest): Promise<void>;
  remove(manifest: Manifest): Promise<void>;
}

/** The hint of an error about a backup that cannot be used. */
export const OTHER = 'choose another backup: make prod-backup-list';

/** Proof that a backup is no good: what is stored is not what was written. */
export class DamagedBackup extends DescribedError {}

const PARTIAL = '.partial';
/** What this kit calls its manifests: another program's JSON is passed over in silence. */
const OURS = /^[a-z0-9][a-z0-9_.-]*-\d{8}T\d{6}Z\.json$/;

/** Who signs: BACKUP_KEY, which the first command that changes something makes. */
export type Signer = Pick<BackupSettings, 'key'>;

/**
 * Reads the manifests among the files of a place; one that cannot be read is not the end of the others.
 * @param read gives a file's text; throws with the reason
 */
export async function listManifests(
  names: readonly string[],
  { key }: Signer,
  read: (name: string) => Promise<string>,
): Promise<Listing> {
  const listing: Listing = { manifests: [], unreadable: [] };
  const readOne = async (file: string) => {
    try {
      const manifest = readManifest(await read(file), key);
      if (`${manifest.name}.json` !== file) throw new Error(`it is that of ${manifest.name}`);
      listing.manifests.push(manifest);
    } catch (error) {
      listing.unreadable.push({ file, reason: toPrintable((error as Error).message, 120) });
    }
  };
  await Promise.all(names.filter((name) => OURS.test(name)).map(readOne));
  listing.manifests.sort((a, b) => b.createdAt.localeCompare(a.createdAt));
  listing.unreadable.sort((a, b) => a.file.localeCompare(b.file));
  return listing;
}

/** The text of a manifest for a place. @throws DescribedError where it could not be read again */
export function sign(manifest: Manifest, { key }: Signer): string {
  try {
    if (!key) throw new Error('there is no BACKUP_KEY');
    return writeManifest(manifest, key);
  } catch (error) {
    throw new DescribedError(
      `${manifest.name} cannot be described: ${toPrintable((error as Error).message)}`,
      'give the table, role or setting another name or value',
    );
  }
}

/** A regular file of this size at the most: no pipe that never ends, no link to somewhere else. */
async function readSmallFile(path: string): Promise<string> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const found = await file.stat();
    if (!found.isFile()) throw new Error('it is no regular file');
    if (found.size > MANIFEST_BYTES) throw new Error(`it has ${found.size} bytes`);
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}

/**
 * A folder of backups, each a dump and a manifest. The manifest is what makes a dump a backup: it appears first, under its
 * own name, when both are whole and on the disk; a run that is killed before it leaves *.partial files alone, one that is
 * killed after it leaves a dump to rename. `open` settles both.
 */
export class FolderStore implements BackupStore {
  readonly folder: string;
  private readonly signer: Signer;

  constructor(folder: string, signer: Signer) {
    this.folder = folder;
    this.signer = signer;
  }

  get place(): string {
    const near = relative(ROOT, this.folder);
    return near.startsWith('..') || near === '' ? this.folder : near;
  }

  /** Where a backup's dump is, or will be. */
  pathOf(manifest: Pick<Manifest, 'file'>): string {
    return join(this.folder, manifest.file);
  }

  /** Where a dump is written. */
  partialOf(file: string): string {
    return join(this.folder, `${file}${PARTIAL}`);
  }

  /**
   * Makes the folder ready for a stack's next backup. Needs the lock.
   * @throws DescribedError (exit 3) when it cannot be written
   */
  async open(stack: string): Promise<void> {
    assertSameDisk(stack, this.folder);
    await this.makeFolder();
    rememberDisk(stack, this.folder);
    await this.settle(stack);
  }

  private async makeFolder(): Promise<void> {
    try {
      await mkdir(this.folder, { recursive: true, mode: 0o700 });
      await access(this.folder, constants.W_OK | constants.X_OK);
    } catch (error) {
      const reason = (error as NodeJS.ErrnoException).code ?? String(error);
      const owner = await stat(this.folder).catch(() => undefined);
      const isOthers = owner !== undefined && owner.uid !== process.getuid?.();
      const hint = isOthers
        ? `it belongs to another user (uid ${owner.uid}): sudo chown -R ${process.getuid?.()} ${this.folder}`
        : 'make the folder, or name another: BACKUP_DIR in the env file';
      throw new DescribedError(`The folder ${this.folder} cannot be written (${reason})`, hint, Exit.missing);
    }
  }

  /** Completes what killed runs left, and removes what they had not finished; a run that is under way looks the same. */
  private async settle(stack: string): Promise<void> {
    for (const manifest of (await this.list()).manifests) {
      if (manifest.stack !== stack) continue;
      const partial = this.partialOf(manifest.file);
      if (!existsSync(this.pathOf(manifest)) && existsSync(partial))
        await rename(partial, this.pathOf(manifest));
    }
    const left = (name: string) =>
      /^\d{8}T\d{6}Z\.([a-z.]+\.partial|json\.\d+\.draft)$/.test(
        name.replace(/^\./, '').slice(stack.length + 1),
      );
    for (const name of await readdir(this.folder)) {
      if (name.replace(/^\./, '').startsWith(`${stack}-`) && left(name))
        await rm(join(this.folder, name), { force: true });
    }
  }

  async list(): Promise<Listing> {
    const names = await readdir(this.folder).catch(() => [] as string[]);
    return listManifests(names, this.signer, (name) => readSmallFile(join(this.folder, name)));
  }

  async files(): Promise<Set<string>> {
    const names = await readdir(this.folder).catch(() => [] as string[]);
    // One that a killed run left under its other name is completed by `open`.
    return new Set(names.map((name) => (name.endsWith(PARTIAL) ? name.slice(0, -PARTIAL.length) : name)));
  }

  async read(manifest: Manifest): Promise<Readable> {
    const path = this.pathOf(manifest);
    const size = await stat(path).then(
      (found) => found.size,
      () => undefined,
    );
    if (size === undefined) throw new DescribedError(`${path} is missing`, OTHER);
    if (size !== manifest.bytes) {
      throw new DamagedBackup(
        `${path} has ${size} bytes instead of ${manifest.bytes}: it was cut off or changed`,
        OTHER,
      );
    }
    return createReadStream(path, { highWaterMark: 256 * 1024 });
  }

  /** Publishes a dump that stands under its partial name, whole and on the disk; takes it back when that fails. */
  async publish(manifest: Manifest): Promise<void> {
    try {
      await this.saveManifest(manifest);
      await rename(this.partialOf(manifest.file), this.pathOf(manifest));
      syncFolder(this.folder);
    } catch (error) {
      await this.discard(manifest);
      throw error;
    }
  }

  private async discard(manifest: Manifest): Promise<void> {
    const path = join(this.folder, `${manifest.name}.json`);
    for (const left of [path, this.partialOf(manifest.file)]) await rm(left, { force: true });
  }

  async saveManifest(manifest: Manifest): Promise<void> {
    const path = join(this.folder, `${manifest.name}.json`);
    writeWhole(path, sign(manifest, this.signer), { mode: 0o600 });
  }

  /** At each point what is left is a whole backup, or files that `open` completes or removes. */
  async remove(manifest: Manifest): Promise<void> {
    const partial = this.partialOf(manifest.file);
    await rename(this.pathOf(manifest), partial).catch(ignoreMissing);
    await rm(join(this.folder, `${manifest.name}.json`), { force: true });
    await rm(partial, { force: true });
    syncFolder(this.folder);
  }
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}

/**
 * Finds the backup that a path names, by its dump or its manifest.
 * @throws DescribedError when it is none of this kit's
 */
export async function findInFolder(
  path: string,
  signer: Signer,
): Promise<{ store: FolderStore; manifest: Manifest }> {
  const store = new FolderStore(dirname(path), signer);
  const name = basename(path);
  const { manifests, unreadable } = await store.list();
  const manifest = manifests.find(
    (one) => one.file === name || `${one.name}.json` === name || one.name === name,
  );
  if (manifest) return { store, manifest };
  const stem = name.replace(/\.(json|dump|dump\.age)$/, '');
  const broken = unreadable.find(({ file }) => file === `${stem}.json`);
  if (broken) throw new DescribedError(`${broken.file} is no manifest: ${broken.reason}`, OTHER);
  if (!existsSync(path)) throw new DescribedError(`${path} is missing`, OTHER);
  throw new DescribedError(
    `${path} has no manifest beside it: it was not made by this kit, or was copied without its .json file`,
    'put its .json file beside it, or choose another backup: make prod-backup-list',
  );
}
