import { DescribedError } from '../process/errors.ts';
import { toPrintable } from '../process/printable.ts';
import { sayWarning } from '../terminal/report.ts';
import type { BackupContext } from './context.ts';
import type { DrillImages } from './drill-images.ts';
import type { FoundBackup } from './find.ts';
import { assertVersion, loadBackup } from './load.ts';
import { type Drill, noteDrill } from './manifest.ts';
import { DamagedBackup } from './store.ts';
import { assertDigest, digestOf, readIdentities } from './streams.ts';
import { assertApiHealthy, withThrowaway } from './throwaway.ts';

/**
 * Proves a backup: restores it into a throwaway server of the deployed release, without a network, compares it with its manifest
 * and has the release's API ask it for its health. What it found is noted in the manifest, signed. Needs the lock.
 * @returns how it went: `ok`, or proof that the backup is no good
 * @throws DescribedError when it is not proven either way: the host, the images or the tools may be at fault
 */
export async function drillBackup(
  context: BackupContext,
  found: FoundBackup,
  images: DrillImages,
  onProgress: (bytes: number) => void,
): Promise<Drill> {
  // A key that is missing says nothing of the backup.
  readIdentities(found.manifest, context.backup.identityFile);
  const drill = (await findDamage(found)) ?? (await restoreAndCompare(context, found, images, onProgress));
  // Who gives a word for a backup that nobody signed has it signed once it is proven.
  if (found.manifest.signed || drill.ok) await note(found, drill);
  return drill;
}

/** A file that is not the one that was written needs no server to be judged. */
async function findDamage({ manifest, store }: FoundBackup): Promise<Drill | undefined> {
  try {
    assertDigest(manifest, await digestOf(await store.read(manifest)));
    return undefined;
  } catch (error) {
    if (error instanceof DamagedBackup) return noteDrill(0, [error.message]);
    throw error;
  }
}

async function restoreAndCompare(
  { settings, backup, trust }: BackupContext,
  found: FoundBackup,
  images: DrillImages,
  onProgress: (bytes: number) => void,
): Promise<Drill> {
  const { manifest } = found;
  return withThrowaway(settings.prefix, images.postgres, async (names) => {
    await assertVersion(names.server, manifest);
    const target = manifest.database.name;
    const mustBeEncrypted = backup.recipients.length > 0 && !trust;
    const job = { container: names.server, target, ...found, mustBeEncrypted, onProgress };
    const { ms, problems } = await loadBackup({ ...job, identityFile: backup.identityFile });
    if (problems.rows.length > 0) return noteDrill(ms, problems.rows);
    const doubts = [...problems.tables, ...problems.schema];
    if (doubts.length > 0)
      throw new DescribedError(`${manifest.file} is not proven: ${doubts.join('; ')}`, AGAIN);
    await assertApiHealthy(names, images.backend, manifest.database);
    return noteDrill(ms, []);
  });
}

const AGAIN = 'see whether this checkout is the one that made it; then: make prod-backup-verify';

async function note({ store, manifest }: FoundBackup, drill: Drill): Promise<void> {
  try {
    await store.saveManifest({ ...manifest, drill, signed: true });
  } catch (error) {
    // Such as a folder that cannot be written to.
    sayWarning(`The drill of ${manifest.file} cannot be noted: ${toPrintable((error as Error).message)}`);
  }
}
