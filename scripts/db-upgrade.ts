import { type BackupContext, loadBackupContext, lockBackups } from './lib/backup/context.ts';
import { runBackup, runDrills } from './lib/backup/run.ts';
import { inspectImage } from './lib/docker/images.ts';
import { DescribedError, Exit } from './lib/process/errors.ts';
import { lockStack } from './lib/process/lock.ts';
import { assertDeployable } from './lib/release/deploy.ts';
import { findDeployedRelease, imageName, tagLatest, tagRunning } from './lib/release/releases.ts';
import { readUpgrade, UPGRADE_COMMAND, type Upgrade } from './lib/release/upgrade-state.ts';
import { volumeName } from './lib/stack/stack.ts';
import { main } from './lib/terminal/cli.ts';
import { confirm } from './lib/terminal/confirm.ts';
import { formatDuration, say, sayOk } from './lib/terminal/report.ts';
import { dropKept, undoUpgrade, upgradeDatabase } from './lib/upgrade/database-upgrade.ts';

const USAGE = `
Moves the data to the major version of PostgreSQL of the image that was built last: proves a backup on the new version
while all goes on, then stops the API, dumps, and restores into a new volume. The old data are kept until told.

  make prod-build, then make prod-db-upgrade [YES=1]
  make prod-db-upgrade UNDO=1 [YES=1]       back to the old data and version; what was written since is left behind
  make prod-db-upgrade DROP_OLD=1 [YES=1]   remove the old data, for their space
  npx tsx scripts/db-upgrade.ts [--undo | --drop-old] [--yes]`;

/** Looks whether there is anything to do, and proves on the new version that it can be done. */
async function begin(context: BackupContext, yes: boolean): Promise<Upgrade | undefined> {
  const { settings } = context;
  await assertDeployable(settings, UPGRADE_COMMAND);
  const from = (await findDeployedRelease(settings)) ?? (await tagRunning(settings));
  const to = { ...from, database: (await tagLatest(settings, from)).database };
  const [old, next] = await Promise.all(
    [from, to].map(({ database }) => inspectImage(imageName(settings, 'postgres', database))),
  );
  const [had, wanted] = [Number(old?.postgresMajor), Number(next?.postgresMajor)];
  if (had === wanted) {
    sayOk(`The data and the image built last are both of PostgreSQL ${had}: nothing to do`);
    return undefined;
  }
  if (!(wanted > had)) {
    throw new DescribedError(
      `The image built last is PostgreSQL ${wanted}, older than the data, which are of ${had}`,
      'build a newer one: POSTGRES_BASE=postgres:VERSION-trixie make prod-build',
    );
  }
  say(
    `From PostgreSQL ${had} to ${wanted}: first a backup and its restore into ${wanted}, while all goes on`,
  );
  const manifest = await runBackup(context);
  const images = {
    postgres: imageName(settings, 'postgres', to.database),
    backend: imageName(settings, 'backend', to.app),
  };
  await runDrills(context, [{ store: context.store, manifest }], images);
  const [proven] = (await context.store.list()).manifests.filter(({ file }) => file === manifest.file);
  const away = (manifest.durationMs + (proven?.drill?.restoreMs ?? 0)) * 1.5 + 20_000;
  await confirm(`The API will be away for about ${formatDuration(away)}. Now?`, yes);
  return { step: 'begun', from, to, kept: `${volumeName(settings)}-${had}`, file: '' };
}

main(import.meta.url, {
  usage: USAGE,
  options: { undo: { type: 'boolean' }, 'drop-old': { type: 'boolean' }, yes: { type: 'boolean' } },
  async run(flags) {
    if (flags.undo && flags['drop-old']) {
      throw new DescribedError('--undo and --drop-old exclude each other', 'see --help', Exit.usage);
    }
    const context = await loadBackupContext();
    const { settings } = context;
    const yes = flags.yes === true;
    await lockBackups(context, UPGRADE_COMMAND);
    lockStack(settings.prefix, UPGRADE_COMMAND);
    const interrupted = readUpgrade(settings.prefix, 'database-upgrade');
    const last = readUpgrade(settings.prefix, 'database-upgraded');
    if (flags.undo) {
      const upgrade = interrupted ?? last;
      if (!upgrade) throw new DescribedError('No data from before an upgrade are kept', UPGRADE_COMMAND);
      await confirm(
        'Go back to the old data? What was written since the upgrade stays in a backup alone.',
        yes,
      );
      await undoUpgrade(context, upgrade);
      return sayOk('The old data are back, under their own version');
    }
    if (flags['drop-old']) {
      if (!last) throw new DescribedError('No data from before an upgrade are kept', UPGRADE_COMMAND);
      await confirm(`Remove the volume ${last.kept} for good?`, yes);
      await dropKept(settings, last);
      return sayOk(`${last.kept} is removed`);
    }
    const upgrade = interrupted ?? (await begin(context, yes));
    if (!upgrade) return;
    const startedAt = Date.now();
    await upgradeDatabase(context, upgrade);
    sayOk(`Upgraded; the API was away for ${formatDuration(Date.now() - startedAt)} at the most`);
    say(`  The old data stay in ${upgrade.kept}: back with ${UPGRADE_COMMAND} UNDO=1, gone with DROP_OLD=1`);
  },
});
