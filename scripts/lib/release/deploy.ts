import type { ContainerInfo } from '../docker/containers.ts';
import { DescribedError } from '../process/errors.ts';
import { assertDatabaseUnchanged, databaseName } from '../secrets/secrets.ts';
import { listProject, listStack } from '../stack/containers.ts';
import { loadEnvFile } from '../stack/env-file.ts';
import {
  assertNamesFree,
  assertNetworkExists,
  assertSameNetwork,
  warnOfFullDisk,
} from '../stack/preflight.ts';
import { type Release, tagOf } from '../stack/release.ts';
import { SERVICES, type StackSettings, volumeName } from '../stack/stack.ts';
import { waitHealthy } from '../stack/wait-healthy.ts';
import { sayWarning } from '../terminal/report.ts';
import { prepareCompose } from './compose.ts';
import { recordChange } from './history.ts';
import { assertImagesThere, imageName } from './releases.ts';
import { type Change, isOutdated, replaceServices } from './replace.ts';
import { REPLACED_SERVICES } from './replace-argv.ts';
import { assertNoUpgrade } from './upgrade-state.ts';

/** What an update or a rollback needs to know before it begins. */
export interface Deploying {
  settings: StackSettings;
  command: string;
  from: Release;
  timeoutMs: number;
  /** All is as it should be already, which is no deployment that one would go back from. */
  unchanged?: boolean;
}

/**
 * The host and the stack are fit to be changed.
 * @throws DescribedError, before anything is changed
 */
export async function assertDeployable(settings: StackSettings, command: string): Promise<void> {
  assertNoUpgrade(settings.prefix);
  const containers = await listStack(settings);
  if (containers.length === 0) throw new DescribedError(`${settings.prefix} is not up`, 'make prod-up');
  assertSameNetwork(settings, containers);
  if (containers.some(({ mode }) => mode === 'test')) {
    throw new DescribedError(
      `${settings.prefix} is up in test mode, whose ports belong to one container each: there is no way without a gap`,
      `make prod-up SWITCH=1, then: ${command}`,
    );
  }
  if (!answersToName(settings, containers)) {
    throw new DescribedError(
      'The running database does not answer to the name by which the API will ask for it: an older version of this kit made it, or deploy/secrets was lost',
      `make prod-up, which makes the containers anew, with some seconds without the site; then: ${command}`,
    );
  }
  const env = await loadEnvFile(settings.envFile);
  await Promise.all([
    assertNetworkExists(settings),
    assertNamesFree(settings, 'production'),
    assertDatabaseUnchanged(settings.prefix, env, volumeName(settings)),
    warnOfFullDisk(settings),
  ]);
}

/** Whether the API of a release that the compose files of this checkout describe would find the database that is there. */
function answersToName(settings: StackSettings, containers: readonly ContainerInfo[]): boolean {
  const database = containers.find(({ service }) => service === SERVICES[0]);
  const name = databaseName(settings.prefix);
  return !database || Object.values(database.names).some((names) => name && names.includes(name));
}

/**
 * Brings a release up, service by service, without a gap, and writes it down.
 * @param before what comes first and is part of the change, such as the database's own update
 */
export async function deploy(
  { settings, command, from, timeoutMs, unchanged }: Deploying,
  to: Release,
  before?: (change: Change) => Promise<void>,
): Promise<void> {
  await assertImagesThere(settings, to);
  const env = await loadEnvFile(settings.envFile);
  const variables = await prepareCompose('production', settings, env, to);
  const change: Change = { settings, variables, timeoutMs, command, databaseStays: false };
  if (!before) change.databaseStays = await findStayingDatabase(change);
  const work = async () => {
    await before?.(change);
    await replaceServices(change);
    await waitHealthy(settings, timeoutMs);
  };
  await (unchanged ? work() : recordChange(settings.prefix, command, from, to, work));
}

/** A database that is not as the env file says would be restarted by Compose, unasked, with the service that needs it. */
async function findStayingDatabase(change: Change): Promise<boolean> {
  if (!(await isOutdated(SERVICES[0], change))) return false;
  sayWarning(
    'The env file or the compose files ask for another database container than the one that runs; it stays as it is. ' +
      'The next make prod-up, or make prod-update WITH_DATABASE=1, replaces it, with some seconds without the API',
  );
  return true;
}

/** Whether not all runs as it was deployed: an update ended when it had replaced one half, or in the middle of a trial. */
export async function isHalfWay(settings: StackSettings, deployed: Release | undefined): Promise<boolean> {
  if (!deployed) return false;
  const { services, oneOffs } = await listProject(settings);
  const tags = (['backend', 'frontend'] as const).map((half) =>
    imageName(settings, half, tagOf(deployed, half)),
  );
  return [...services, ...oneOffs].some(
    ({ service, image }) => REPLACED_SERVICES.some((one) => one === service) && !tags.includes(image),
  );
}
