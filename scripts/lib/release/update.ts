import { assertReadsData } from '../database/data-version.ts';
import { inspectImage } from '../docker/images.ts';
import { DescribedError } from '../process/errors.ts';
import { listStack } from '../stack/containers.ts';
import { loadEnvFile } from '../stack/env-file.ts';
import { findDeployed, type Release, tagOf } from '../stack/release.ts';
import { SERVICES, type StackSettings, shortName } from '../stack/stack.ts';
import { say, sayWarning } from '../terminal/report.ts';
import { readWantedHashes } from './compose.ts';
import { updateDatabase } from './database-update.ts';
import { deploy } from './deploy.ts';
import { readHistory } from './history.ts';
import { findPending } from './migrations.ts';
import { imageName, inspectBuilt, nameImages, nameRunning, tagRelease, tagRunning } from './releases.ts';
import { isUnchanged, type UpdateFacts, type UpdatePlan } from './update-plan.ts';

/** What the operator asked for. */
export type UpdateWishes = Pick<UpdateFacts, 'withDatabase' | 'allowBreaking' | 'noBackup'>;

/** Sees what an update needs to know; changes nothing. */
export async function lookForUpdate(settings: StackSettings, wishes: UpdateWishes): Promise<UpdateFacts> {
  // The images of what is deployed need not be here any more: what was built takes their place.
  const from = findDeployed(readHistory(settings.prefix)) ?? (await nameRunning(settings));
  const built = await nameImages(settings, await inspectBuilt(settings), from);
  const [majors, migrations, outdated] = await Promise.all([
    readMajors(settings, from, built, wishes.withDatabase),
    findMigrations(settings, from, built),
    findOutdated(settings, wishes.withDatabase ? built : { ...built, database: from.database }),
  ]);
  return { from, built, majors, migrations, outdated, ...wishes };
}

/** Where the image of what runs is gone the data themselves are asked. */
async function readMajors(settings: StackSettings, from: Release, built: Release, withDatabase: boolean) {
  const latest = imageName(settings, 'postgres', 'latest');
  const [running, next] = await Promise.all(
    [imageName(settings, 'postgres', from.database), latest].map(inspectImage),
  );
  if (withDatabase && !running && built.database !== from.database) await assertReadsData(settings, latest);
  return { running: running?.postgresMajor ?? '', built: next?.postgresMajor ?? '' };
}

async function findMigrations(settings: StackSettings, from: Release, built: Release) {
  if (tagOf(built, 'backend') === tagOf(from, 'backend')) return [];
  const { POSTGRES_DB = 'kidney_genetics' } = await loadEnvFile(settings.envFile);
  return findPending(settings, imageName(settings, 'backend', 'latest'), POSTGRES_DB);
}

async function findOutdated(settings: StackSettings, to: Release) {
  const env = await loadEnvFile(settings.envFile);
  const [wanted, containers] = await Promise.all([
    readWantedHashes('production', settings, env, to),
    listStack(settings),
  ]);
  return SERVICES.filter((service) => {
    const container = containers.find((one) => one.service === service);
    const hash = container?.labels['com.docker.compose.config-hash'];
    return container?.health !== 'healthy' || hash !== wanted.get(service);
  }).map(shortName);
}

/** Does what was planned. @throws DescribedError when the plan says no, or a step fails */
export async function applyUpdate(
  settings: StackSettings,
  from: Release,
  plan: UpdatePlan,
  { command, timeoutMs, backUp }: { command: string; timeoutMs: number; backUp: () => Promise<unknown> },
): Promise<void> {
  if (plan.refusal) throw new DescribedError(plan.refusal.cause, plan.refusal.hint);
  if (plan.warning) sayWarning(plan.warning);
  if (plan.migrations.length > 0) {
    say(`  New migrations, which the running version can live with: ${plan.migrations.join(', ')}`);
  }
  if (plan.database === 'is offered') {
    say(
      '  The database has a new image too; it stays as it is. To update it, with some seconds without the API:',
    );
    say(`    ${command} NO_BUILD=1 WITH_DATABASE=1`);
  }
  const history = readHistory(settings.prefix);
  if (history.length === 0) await tagRunning(settings);
  await tagRelease(settings, await inspectBuilt(settings), from);
  if (plan.backup) await backUp();
  say(`Updating ${settings.prefix} from ${from.app} to ${plan.to.app}`);
  // One that was broken off is brought to its end, and that is written down.
  const unchanged = isUnchanged(from, plan) && history.at(-1)?.outcome === 'done';
  const before = plan.replaced.includes('postgres') ? updateDatabase : undefined;
  await deploy({ settings, command, from, timeoutMs, unchanged }, plan.to, before);
}
