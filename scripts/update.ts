import { build } from './build.ts';
import { backUpBefore } from './lib/backup/run.ts';
import { lockStack } from './lib/process/lock.ts';
import { assertSameMajor, updateDatabase } from './lib/release/database-update.ts';
import { assertDeployable, deploy } from './lib/release/deploy.ts';
import { readHistory } from './lib/release/history.ts';
import { loadImages } from './lib/release/load-images.ts';
import { checkMigrations } from './lib/release/migrations.ts';
import { tagLatest, tagRunning } from './lib/release/releases.ts';
import { loadEnvFile } from './lib/stack/env-file.ts';
import { openStack } from './lib/stack/open.ts';
import { assertDockerReady } from './lib/stack/preflight.ts';
import { findDeployed, type Release } from './lib/stack/release.ts';
import type { StackSettings } from './lib/stack/stack.ts';
import { main, toMs } from './lib/terminal/cli.ts';
import { formatDuration, say, sayOk } from './lib/terminal/report.ts';

const USAGE = `
Deploys what the checkout holds, without dropping a request: builds, checks, backs up, and replaces one service after the
other while one container of each always answers. A container that does not get healthy is removed and the current one goes on.

  make prod-update
  make prod-update NO_BUILD=1           deploy the images that were built last
  make prod-update IMAGES=release.tar   deploy images that were built elsewhere (docker save)
  make prod-update WITH_DATABASE=1      the database's image as well: the API is away for some seconds
  npx tsx scripts/update.ts [--no-build | --images FILE] [--with-database] [--allow-breaking] [--no-backup]
                            [--timeout SECONDS]

  --no-backup        goes without the backup before it (make prod-update NO_BACKUP=1)
  --allow-breaking   deploy migrations that the running version cannot live with
  --timeout          how long a container may take to get healthy, in seconds; 120 unless said`;

const COMMAND = 'make prod-update';

async function bringImages(settings: StackSettings, noBuild: boolean, file?: string): Promise<void> {
  if (file) {
    await loadImages(settings, file);
    say(`  images loaded from ${file}`);
  } else if (!noBuild) await build(settings);
}

/** @returns the release as it will be: its database stays the running one unless that is to be updated too */
async function chooseRelease(
  settings: StackSettings,
  from: Release,
  withDatabase: boolean,
): Promise<Release> {
  const built = await tagLatest(settings, from);
  if (built.database === from.database) return built;
  if (withDatabase) {
    await assertSameMajor(settings, from, built);
    return built;
  }
  say(
    '  The database has a new image too; it stays as it is. To update it, with some seconds without the API:',
  );
  say(`    ${COMMAND} NO_BUILD=1 WITH_DATABASE=1`);
  return { ...built, database: from.database };
}

main(import.meta.url, {
  usage: USAGE,
  options: {
    'no-build': { type: 'boolean' },
    images: { type: 'string' },
    'with-database': { type: 'boolean' },
    'allow-breaking': { type: 'boolean' },
    'no-backup': { type: 'boolean' },
    timeout: { type: 'string', default: '120' },
  },
  async run(flags) {
    const timeoutMs = toMs('--timeout', flags.timeout);
    const startedAt = Date.now();
    const settings = await openStack();
    await assertDockerReady();
    lockStack(settings.prefix, COMMAND);
    await assertDeployable(settings, COMMAND);
    // Its images need not be here any more: what is deployed now takes their place.
    const from = findDeployed(readHistory(settings.prefix)) ?? (await tagRunning(settings));
    await bringImages(settings, flags['no-build'] === true, flags.images);
    const to = await chooseRelease(settings, from, flags['with-database'] === true);
    const { POSTGRES_DB = 'kidney_genetics' } = await loadEnvFile(settings.envFile);
    const fresh = await checkMigrations(settings, to, POSTGRES_DB, flags['allow-breaking'] === true);
    if (fresh.length > 0)
      say(`  New migrations, which the running version can live with: ${fresh.join(', ')}`);
    if (!flags['no-backup']) await backUpBefore(COMMAND);
    say(`Updating ${settings.prefix} from ${from.app} to ${to.app}`);
    const deploying = { settings, command: COMMAND, from, timeoutMs };
    await deploy(deploying, to, flags['with-database'] ? updateDatabase : undefined);
    sayOk(
      `${to.app} is deployed, in ${formatDuration(Date.now() - startedAt)}; the way back: make prod-rollback`,
    );
  },
});
