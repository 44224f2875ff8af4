import { createServer } from 'node:net';
import { assertReadsData } from '../database/data-version.ts';
import { inspectImage } from '../docker/images.ts';
import { objectExists } from '../docker/inspect.ts';
import { readNetworkIds } from '../docker/networks.ts';
import { DescribedError } from '../process/errors.ts';
import { readWantedHashes } from '../release/compose.ts';
import { readHistory } from '../release/history.ts';
import { imageName } from '../release/releases.ts';
import { assertNoUpgrade } from '../release/upgrade-state.ts';
import { assertDatabaseUnchanged } from '../secrets/secrets.ts';
import { listProject } from '../stack/containers.ts';
import { loadEnvFile } from '../stack/env-file.ts';
import type { EnvValues } from '../stack/env-rules.ts';
import { networksOf } from '../stack/network-rules.ts';
import { assertNamesFree, imagesBuilt, warnOfFullDisk } from '../stack/preflight.ts';
import { findDeployed, findInterrupted, type Release, tagOf } from '../stack/release.ts';
import {
  type Mode,
  SERVICES,
  type Service,
  type StackSettings,
  shortName,
  volumeName,
} from '../stack/stack.ts';
import type { Sight } from './up-plan.ts';

/**
 * Looks at the host and the stack, side by side; changes nothing.
 * @param withHashes also which containers are not as the compose files and the env file say, which takes a moment
 */
export async function look(
  mode: Mode,
  settings: StackSettings,
  withHashes = false,
): Promise<{ sight: Sight; env: EnvValues }> {
  const history = readHistory(settings.prefix);
  const deployed = findDeployed(history);
  const networks = SERVICES.flatMap((service) => networksOf(mode, settings, service));
  const [containers, env, volumeThere, networkIds, missingImages, built, names] = await Promise.all([
    listProject(settings),
    loadEnvFile(settings.envFile).catch(asRefusal),
    objectExists('volume', volumeName(settings)),
    readNetworkIds([...new Set(networks)]),
    findMissingImages(settings, deployed),
    imagesBuilt(settings),
    assertNamesFree(settings, mode).catch(asRefusal),
    warnOfFullDisk(settings),
  ]);
  const values = env instanceof DescribedError || !env ? undefined : env;
  const own = new Set(containers.services.flatMap(({ ports }) => ports));
  const [data, secrets, takenPorts, differing] = await Promise.all([
    assertReadsData(settings, databaseImage(settings, missingImages.size === 0 ? deployed : undefined)).catch(
      asRefusal,
    ),
    values && assertDatabaseUnchanged(settings.prefix, values, volumeName(settings)).catch(asRefusal),
    mode === 'test' ? findTakenPorts(settings, [...own].join(' ')) : [],
    withHashes && values && deployed
      ? findDiffering(mode, settings, values, deployed, containers.services)
      : undefined,
  ]);
  const upgrade = await Promise.resolve()
    .then(() => assertNoUpgrade(settings.prefix))
    .catch(asRefusal);
  const refusals = [upgrade, env, names, secrets, data].filter((one) => one instanceof DescribedError);
  return {
    env: values ?? {},
    sight: {
      ...{
        settings,
        ...containers,
        networkIds,
        volumeThere,
        deployed,
        missingImages,
        built,
        takenPorts,
        differing,
        refusals,
      },
      hasHistory: history.length > 0,
      interrupted: findInterrupted(history),
    },
  };
}

/** What would read the data: the deployed image, or the one that was built last. */
export function databaseImage(settings: StackSettings, deployed?: Release): string {
  return imageName(settings, 'postgres', deployed?.database ?? 'latest');
}

function asRefusal(error: unknown): DescribedError {
  if (error instanceof DescribedError) return error;
  throw error;
}

async function findMissingImages(
  settings: StackSettings,
  deployed: Release | undefined,
): Promise<Map<Service, string>> {
  if (!deployed) return new Map();
  const names = SERVICES.map((service) => {
    const image = shortName(service);
    return [service, imageName(settings, image, tagOf(deployed, image))] as const;
  });
  const found = await Promise.all(names.map(([, name]) => inspectImage(name)));
  return new Map(names.filter((_, index) => !found[index]));
}

async function findDiffering(
  mode: Mode,
  settings: StackSettings,
  env: EnvValues,
  deployed: Release,
  services: Sight['services'],
): Promise<Service[]> {
  const wanted = await readWantedHashes(mode, settings, env, deployed);
  return SERVICES.filter((service) => {
    const current = services.find((one) => one.service === service);
    return current && current.labels['com.docker.compose.config-hash'] !== wanted.get(service);
  });
}

/** @param own ports that the stack's own containers hold */
async function findTakenPorts({ bind, ports }: StackSettings, own: string): Promise<number[]> {
  const wanted = Object.values(ports).filter((port) => !own.includes(`${bind}:${port}->`));
  const free = await Promise.all(wanted.map((port) => isFree(bind, port)));
  return wanted.filter((_, index) => !free[index]);
}

/** Only another program is told of here: what else is wrong with an address the engine says. */
function isFree(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.on('error', (error: NodeJS.ErrnoException) => resolve(error.code !== 'EADDRINUSE'));
    server.listen(port, host, () => server.close(() => resolve(true)));
  });
}
