import type { InspectedContainer } from '../../docker/inspect.ts';
import { IMAGES } from '../../images/build-argv.ts';
import { checkSigned } from '../../registry/check-signed.ts';
import type { Mode, StackSettings } from '../../stack/stack.ts';
import type { Family } from '../check.ts';
import type { ContainerFacts, Facts } from '../facts.ts';
import { dialAll } from '../probe/dial.ts';
import { askContainers } from './containers.ts';
import { gatherDrift, NO_DRIFT } from './drift.ts';
import { inspectHost, inspectImages, inspectNetworks, inspectProject, toContainerFacts } from './engine.ts';
import { askHttp } from './probes.ts';
import { planTries, toReach } from './reach.ts';
import { readScan } from './scan.ts';
import { inspectSecretFiles, readSecretSource } from './secrets.ts';

/**
 * Looks at the running stack: the engine once, each container once, the frontend from the proxy's network, the database
 * by one question, side by side.
 * @param families what no check of these needs, and takes long, is not asked
 * @param onWait is told what is still waited for, whenever that changes
 * @throws DescribedError when the stack is not up, or up in the other mode
 */
export async function gatherFacts(
  settings: StackSettings,
  mode: Mode,
  families: ReadonlySet<Family>,
  onWait: (waiting: readonly string[]) => void = () => undefined,
): Promise<Facts> {
  const track = tracker(onWait);
  const shared = mode === 'test' ? `${settings.prefix}-test` : settings.network;
  const [raw, source] = await Promise.all([
    inspectProject(settings, mode),
    readSecretSource(settings.envFile),
  ]);
  const { networks, containers: bare, gateways } = await findNetworks(raw, settings);
  const plan = planTries(settings, shared, bare, gateways);
  const dialing = families.has('network');
  // First what waits longest: for clients that nginx has to cut, and for a heartbeat.
  const fromProxy = track(
    families.has('http') ? 'HTTP and the WebSocket’s heartbeat' : 'network',
    askHttp(settings, shared, bare, {
      dial: dialing ? [...plan.database, ...plan.metrics] : [],
      pages: families.has('http'),
    }),
  );
  const asking = track(
    'containers, secrets and database',
    askContainers(raw, bare, plan, source, families.has('secrets')),
  );
  const subject = { mode, settings, shared, containers: bare, needles: source.needles };
  const inside = asking.then(({ containers }) => containers);
  const [{ http, dialed }, asked, fromHost, drift, images, signatures, host, folder, scan] =
    await Promise.all([
      fromProxy,
      asking,
      dialing ? dialAll(plan.database.filter((target) => /^[\d.]+:|^\[/.test(target))) : {},
      families.has('drift') ? track('drift', gatherDrift(subject, inside)) : NO_DRIFT,
      families.has('images') ? inspectImages(bare) : [],
      families.has('images') ? track('signatures', checkSigned(settings, toRunning(bare))) : null,
      inspectHost(),
      inspectSecretFiles(settings.prefix),
      readScan(settings.prefix),
    ]);
  return {
    stack: { prefix: settings.prefix, mode, network: shared },
    now: new Date().toISOString(),
    host,
    containers: asked.containers,
    networks,
    volumes: listVolumes(bare),
    reach: toReach(asked.sections, dialed, fromHost, plan),
    secrets: { envFile: source.envFile, folder, ...asked.searched },
    http,
    images,
    signatures,
    scan,
    database: asked.database,
    drift,
  };
}

function toRunning(containers: readonly ContainerFacts[]) {
  return IMAGES.flatMap((image) =>
    containers
      .filter(({ service }) => service === image)
      .map(({ imageName, imageId }) => ({ image, name: imageName, id: imageId })),
  );
}

/** The networks of the containers, and the containers with the networks' names where they know the ids alone. */
async function findNetworks(raw: readonly InspectedContainer[], settings: StackSettings) {
  const containers = raw.map((one) => toContainerFacts(one, settings));
  const keys = [...new Set(containers.flatMap(({ networks }) => networks.map(({ name }) => name)))];
  const { networks, gateways, nameOf } = await inspectNetworks(keys, settings);
  const named = containers.map((one) => ({
    ...one,
    networks: one.networks.map((end) => ({ ...end, name: nameOf(end.name) })),
  }));
  return { networks, gateways, containers: named };
}

/** Notes what is under way. */
function tracker(onWait: (waiting: readonly string[]) => void) {
  const waiting = new Set<string>();
  return <T>(name: string, work: Promise<T>): Promise<T> => {
    onWait([...waiting.add(name)]);
    return work.finally(() => {
      waiting.delete(name);
      onWait([...waiting]);
    });
  };
}

function listVolumes(containers: readonly ContainerFacts[]): string[] {
  const volumes = containers.flatMap(({ mounts }) =>
    mounts.filter(({ type }) => type === 'volume').map(({ source }) => source),
  );
  return [...new Set(volumes)];
}
