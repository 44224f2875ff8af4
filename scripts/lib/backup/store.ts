import { createReadStream, existsSync } from 'node:fs';
import { access, constants, mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import type { Readable } from 'node:stream';
import { DescribedError, Exit } from '../process/errors.ts';
import { syncFolder, writeWhole } from '../process/files.ts';
import { ROOT } from '../process/root.ts';
import { type Manifest, parseManifest } from './manifest.ts';

/** A place that holds backups. */
export interface BackupStore {
  /** As its user knows it: a folder or s3://bucket/prefix. */
  readonly place: string;
  /** All backups with their manifest, newest first. */
  list(): Promise<Manifest[]>;
  /** The names of the dumps that are there, whether whole or not. */
  files(): Promise<Set<string>>;
  /** @throws DescribedError when its dump is not there as a whole */
  read(manifest: Manifest): Promise<Readable>;
  /** Replaces what is said of a backup. */
  saveManifest(manifest: Manifest): Promise<void>;
  remove(manifest: Manifest): Promise<void>;
}

const PARTIAL = '.partial';

/**
 * A folder of backups, each a dump and a manifest. The manifest is what makes a dump a backup: it appears first, under its
 * own name, when both are whole and on the disk; a run that is killed before it leaves *.partial files alone, one that is
 * killed after it leaves a dump to rename. `open` settles both.
 */
export class FolderStore implements BackupStore {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
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
    await this.makeFolder();
    await this.settle(stack);
  }

  private async makeFolder(): Promise<void> {
    try {
      await mkdir(this.folder, { recursive: true, mode: 0o700 });
      await access(this.folder, constants.W_OK | constants.X_OK);
    } catch (error) {
      const reason = (error as NodeJS.ErrnoException).code ?? String(error);
      const hint = 'make the folder, or name another: BACKUP_DIR in the env file';
      throw new DescribedError(`The folder ${this.folder} cannot be written (${reason})`, hint, Exit.missing);
    }
  }

  /** Completes what killed runs left, and removes what they had not finished; a run that is under way looks the same. */
  private async settle(stack: string): Promise<void> {
    for (const manifest of await this.list()) {
      if (manifest.stack !== stack) continue;
      const partial = this.partialOf(manifest.file);
      if (!existsSync(this.pathOf(manifest)) && existsSync(partial))
        await rename(partial, this.pathOf(manifest));
    }
    for (const name of await readdir(this.folder).catch(() => [] as string[])) {
      const ours =
        name.startsWith(`${stack}-`) && /^\d{8}T\d{6}Z\.[a-z.]+\.partial$/.test(name.slice(stack.length + 1));
      if (ours) await rm(join(this.folder, name), { force: true });
    }
  }

  async list(): Promise<Manifest[]> {
    const names = await readdir(this.folder).catch(() => [] as string[]);
    const read = names
      .filter((name) => name.endsWith('.json'))
      .map((name) => this.readManifest(join(this.folder, name)));
    const manifests = (await Promise.all(read)).filter((manifest) => manifest !== undefined);
    return manifests.sort((a, b) => b.createdAt.localeCompare(a.createdAt));
  }

  async files(): Promise<Set<string>> {
    const names = await readdir(this.folder).catch(() => [] as string[]);
    // One that a killed run left under its other name is completed by `open`.
    return new Set(names.map((name) => (name.endsWith(PARTIAL) ? name.slice(0, -PARTIAL.length) : name)));
  }

  private async readManifest(path: string): Promise<Manifest | undefined> {
    const manifest = parseManifest(await readFile(path, 'utf8').catch(() => ''));
    return manifest && basename(path) === `${manifest.name}.json` ? manifest : undefined;
  }

  async read(manifest: Manifest): Promise<Readable> {
    const path = this.pathOf(manifest);
    const size = await stat(path).then(
      (found) => found.size,
      () => undefined,
    );
    if (size === undefined) throw new DescribedError(`${path} is missing`, OTHER);
    if (size !== manifest.bytes) {
      throw new DescribedError(
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
    writeWhole(path, `${JSON.stringify(manifest, undefined, 2)}\n`, { mode: 0o600 });
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

/** The hint of an error about a backup that cannot be used. */
export const OTHER = 'choose another backup: make prod-backup-list';

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}

/**
 * Finds the backup that a path names, by its dump or its manifest.
 * @throws DescribedError when it is none of this kit's
 */
export async function findInFolder(path: string): Promise<{ store: FolderStore; manifest: Manifest }> {
  const store = new FolderStore(dirname(path));
  const name = basename(path);
  const manifest = (await store.list()).find(
    (one) => one.file === name || `${one.name}.json` === name || one.name === name,
  );
  if (manifest) return { store, manifest };
  if (!existsSync(path)) throw new DescribedError(`${path} is missing`, OTHER);
  throw new DescribedError(
    `${path} has no manifest beside it: it was not made by this kit, or was copied without its .json file`,
    'put its .json file beside it, or choose another backup: make prod-backup-list',
  );
}
