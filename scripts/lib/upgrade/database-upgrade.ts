import { randomBytes } from 'node:crypto';
import { renameSync, rmSync } from 'node:fs';
import type { BackupContext } from '../backup/context.ts';
import { findBackups } from '../backup/find.ts';
import { restoreBackup } from '../backup/restore.ts';
import { runBackup } from '../backup/run.ts';
import { dropDatabase } from '../backup/swap.ts';
import { superuser } from '../database/client-argv.ts';
import { querySql } from '../database/sql.ts';
import { type ContainerInfo, findContainer } from '../docker/containers.ts';
import { objectExists } from '../docker/inspect.ts';
import { sandboxArgv } from '../docker/sandbox-argv.ts';
import { DescribedError } from '../process/errors.ts';
import { ROOT } from '../process/root.ts';
import { $, must, mustRun } from '../process/shell.ts';
import { waitUntil } from '../process/wait.ts';
import { prepareCompose } from '../release/compose.ts';
import { recordChange } from '../release/history.ts';
import { stopLeftovers } from '../release/leftovers.ts';
import { assertImagesThere, imageName } from '../release/releases.ts';
import { upServiceArgv } from '../release/replace-argv.ts';
import { noteUpgrade, statePath, UPGRADE_COMMAND, type Upgrade } from '../release/upgrade-state.ts';
import { changePasswordSql, scramVerifier } from '../secrets/rotation-rules.ts';
import { listStack } from '../stack/containers.ts';
import { loadEnvFile } from '../stack/env-file.ts';
import type { Release } from '../stack/release.ts';
import { containerName, SERVICES, type StackSettings, upArgv, volumeName } from '../stack/stack.ts';
import { waitHealthy } from '../stack/wait-healthy.ts';
import { say, sayOk, sayWarning } from '../terminal/report.ts';

const [POSTGRES, BACKEND] = SERVICES;
const PGDATA = '/var/lib/postgresql/data';
const START_MS = 180_000;

/**
 * Moves the data to another major version: by a dump, into a new volume, while the API stands still.
 * @throws DescribedError; the former data are untouched, and the next call carries on
 */
export async function upgradeDatabase(context: BackupContext, begun: Upgrade): Promise<void> {
  const { settings } = context;
  const { prefix } = settings;
  let upgrade = begun;
  const done = (step: Upgrade['step'], found: Partial<Upgrade> = {}) => {
    upgrade = { ...upgrade, ...found, step };
    noteUpgrade(prefix, upgrade);
  };
  if (upgrade.step === 'begun') {
    noteUpgrade(prefix, upgrade);
    await stopApi(settings);
    say('  The API stands still: what is dumped now is all there is');
    done('dumped', { file: (await runBackup(context)).file });
  }
  if (upgrade.step === 'dumped') {
    await removeDatabaseContainer(settings);
    await removeVolume(upgrade.kept);
    await copyVolume(settings, upgrade.from, volumeName(settings), upgrade.kept);
    sayOk(`The data as they are stay in the volume ${upgrade.kept}`);
    done('kept');
  }
  if (upgrade.step === 'kept') {
    await removeVolume(volumeName(settings));
    done('emptied');
  }
  if (upgrade.step === 'emptied') {
    await restoreInto(context, upgrade);
    done('restored');
  }
  await bringUp(settings, UPGRADE_COMMAND, upgrade.from, upgrade.to);
  renameSync(statePath(prefix, 'database-upgrade'), statePath(prefix, 'database-upgraded'));
}

/**
 * Puts the former data back under the former image. What was written since the upgrade is not among them, and stays in a backup.
 * @throws DescribedError; where the former data or their image are gone, before anything is changed
 */
export async function undoUpgrade(
  context: BackupContext,
  { from, to, kept, file, step }: Upgrade,
): Promise<void> {
  const { settings } = context;
  const { prefix } = settings;
  await assertImagesThere(settings, from);
  const replaced = step === 'kept' || step === 'emptied' || step === 'restored';
  if (replaced && !(await objectExists('volume', kept))) {
    throw new DescribedError(
      `The volume ${kept} with the data from before is gone; nothing was changed`,
      `what was dumped then can be restored: make prod-restore FILE=${file}`,
    );
  }
  if (step === 'restored') await keepNewer(context);
  await stopApi(settings);
  await removeDatabaseContainer(settings);
  if (replaced) {
    noteUpgrade(prefix, { from, to, kept, file, step: 'kept' });
    await removeVolume(volumeName(settings));
    await copyVolume(settings, from, kept, volumeName(settings));
    await startDatabase(settings, from);
    await setPassword(settings);
  }
  await bringUp(settings, `${UPGRADE_COMMAND} UNDO=1`, to, from);
  rmSync(statePath(prefix, 'database-upgrade'), { force: true });
  rmSync(statePath(prefix, 'database-upgraded'), { force: true });
}

/** Nobody is kept from going back by a new database that cannot be dumped. */
async function keepNewer(context: BackupContext): Promise<void> {
  const made = await runBackup(context).catch(() => undefined);
  if (made) say(`  What was written since the upgrade is in ${made.file}`);
  else sayWarning('The new database cannot be backed up: what was written since the upgrade is lost');
}

/** The secrets may have been rotated since: the role gets the password of today. */
async function setPassword(settings: StackSettings): Promise<void> {
  const { POSTGRES_USER = '', POSTGRES_PASSWORD = '' } = await loadEnvFile(settings.envFile);
  const verifier = scramVerifier(POSTGRES_PASSWORD, randomBytes(16));
  await querySql(superuser(containerName(settings, POSTGRES)), changePasswordSql(POSTGRES_USER, verifier));
}

/** Removes the data from before the upgrade. */
export async function dropKept(settings: StackSettings, { kept }: Upgrade): Promise<void> {
  await must($`docker volume rm ${kept}`, 'see who uses it: docker ps -a --filter volume=NAME');
  rmSync(statePath(settings.prefix, 'database-upgraded'));
}

/** Also one that an interrupted update left beside the proper one: what it wrote from now on would be lost. */
async function stopApi(settings: StackSettings): Promise<void> {
  await stopLeftovers(settings);
  for (const { id } of await listOf(settings, BACKEND)) await must($`docker stop ${id}`, UPGRADE_COMMAND);
}

async function removeDatabaseContainer(settings: StackSettings): Promise<void> {
  for (const { id } of await listOf(settings, POSTGRES)) {
    await must($`docker stop ${id}`, UPGRADE_COMMAND);
    await must($`docker rm -v ${id}`, UPGRADE_COMMAND);
  }
}

async function listOf(settings: StackSettings, wanted: string): Promise<ContainerInfo[]> {
  return (await listStack(settings)).filter(({ service }) => service === wanted);
}

/** Data of two versions in one volume are of no use to either, so it has to be gone: one that is not there is. */
async function removeVolume(name: string): Promise<void> {
  await mustRun(
    ['docker', 'volume', 'rm', '--force', name],
    `remove the container that uses it (docker ps -a --filter volume=${name}), then: ${UPGRADE_COMMAND}`,
  );
}

async function copyVolume(
  settings: StackSettings,
  from: Release,
  source: string,
  target: string,
): Promise<void> {
  const mounts = ['--volume', `${source}:/from:ro`, '--volume', `${target}:${PGDATA}`];
  const hardened = [...sandboxArgv(), '--entrypoint', 'bash'];
  const image = imageName(settings, 'postgres', from.database);
  const copy = 'test -s /from/PG_VERSION && cp -a /from/. "$0" && sync -f "$0"';
  await mustRun(
    ['docker', 'run', '--rm', ...hardened, ...mounts, image, '-c', copy, PGDATA],
    `see whether the disk is full: df -h; then: ${UPGRADE_COMMAND}`,
  );
}

async function startDatabase(settings: StackSettings, release: Release): Promise<void> {
  const env = await loadEnvFile(settings.envFile);
  const variables = await prepareCompose('production', settings, env, release);
  await mustRun(upServiceArgv(settings, POSTGRES), UPGRADE_COMMAND, { cwd: ROOT, env: variables });
  await waitForDatabase(settings);
}

async function restoreInto(context: BackupContext, { to, file }: Upgrade): Promise<void> {
  const { settings, database } = context;
  const server = containerName(settings, POSTGRES);
  await startDatabase(settings, to);
  const [found] = await findBackups(context, context.store.pathOf({ file }));
  if (!found) throw new DescribedError(`${file} is gone`, `${UPGRADE_COMMAND} UNDO=1`);
  // The new one is empty but for its owner.
  await dropDatabase(server, database);
  await restoreBackup(context, server, found);
  sayOk(`${file} is restored and holds what was dumped`);
}

async function waitForDatabase(settings: StackSettings): Promise<void> {
  const isHealthy = async () =>
    (await findContainer(containerName(settings, POSTGRES)))?.health === 'healthy';
  if (await waitUntil(async () => (await isHealthy()) || undefined, START_MS)) return;
  throw new DescribedError(
    'The database does not get healthy',
    `docker logs ${containerName(settings, POSTGRES)}; go back: ${UPGRADE_COMMAND} UNDO=1`,
  );
}

async function bringUp(settings: StackSettings, command: string, from: Release, to: Release): Promise<void> {
  await recordChange(settings.prefix, command, from, to, async () => {
    const variables = await prepareCompose('production', settings, await loadEnvFile(settings.envFile), to);
    await mustRun(upArgv('production', settings), command, { cwd: ROOT, env: variables });
    await waitHealthy(settings, START_MS);
  });
}
