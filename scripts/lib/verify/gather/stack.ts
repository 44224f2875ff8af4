import { readFileSync } from 'node:fs';
import { app } from '../../app/contract.ts';
import type { InspectedContainer } from '../../docker/inspect.ts';
import { sandboxArgv } from '../../docker/sandbox-argv.ts';
import { IMAGES } from '../../images/build-argv.ts';
import { run } from '../../process/shell.ts';
import { checkSigned } from '../../registry/check-signed.ts';
import type { Mode, StackSettings } from '../../stack/stack.ts';
import type { Family } from '../check.ts';
import type { ContainerFacts, Facts, HttpFacts, ReachFacts, Tries } from '../facts.ts';
import { dialAll } from '../probe/dial.ts';
import { askDatabase } from './database.ts';
import { gatherDrift, NO_DRIFT } from './drift.ts';
import { inspectHost, inspectImages, inspectNetworks, inspectProject, toContainerFacts } from './engine.ts';
import { parseDials, parseInside, parseSections, type Sections } from './inside.ts';
import { readScan } from './scan.ts';
import { inspectSecretFiles, readSecretSource, type SecretSource, searchSecrets } from './secrets.ts';

const PROBES = new URL('../probe/', import.meta.url);
const INSIDE_MS = 30_000;
const HTTP_MS = 60_000;
/** TEST-NET-1 (RFC 5737): nobody's address, and one that only a route out would try. */
const OUTSIDE = '192.0.2.1:80';

/** Node, given a program of TypeScript on its standard input. */
const NODE = ['node', '--input-type=module-typescript', '-'];

const readProbe = (name: string) => readFileSync(new URL(name, PROBES), 'utf8');
/** A probe for Node, with the module that it shares with others in front of it: it travels alone. */
const packProbe = (name: string) =>
  `${readProbe('dial.ts')}\n${readProbe(name).replace(/^import .* from '\.\/dial\.ts';$/m, '')}`;

/**
 * Looks at the running stack: the engine once, each container once, the frontend from the proxy's network, the database
 * by one question, side by side.
 * @param families what takes long is asked for these alone
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
  const [raw, source, host, folder, scan] = await Promise.all([
    inspectProject(settings, mode),
    readSecretSource(settings.envFile),
    inspectHost(),
    inspectSecretFiles(settings.prefix),
    readScan(settings.prefix),
  ]);
  const keyed = raw.map((one) => toContainerFacts(one, settings));
  const keys = [...new Set(keyed.flatMap(({ networks }) => networks.map(({ name }) => name)))];
  const { networks, gateways, nameOf } = await inspectNetworks(keys, settings);
  const bare = keyed.map((one) => ({
    ...one,
    networks: one.networks.map((end) => ({ ...end, name: nameOf(end.name) })),
  }));
  const plan = planTries(settings, shared, bare, gateways);
  const asking = track(
    'containers, secrets and database',
    askContainers(raw, bare, plan, source, families.has('secrets')),
  );
  const inside = asking.then(({ containers }) => containers);
  const [fromProxy, asked, images, signatures, fromHost, drift] = await Promise.all([
    track(
      families.has('http') ? 'HTTP and the WebSocket’s heartbeat' : 'network',
      askHttp(settings, shared, bare, {
        dial: [...plan.database, ...plan.metrics],
        pages: families.has('http'),
      }),
    ),
    asking,
    inspectImages(bare),
    families.has('images') ? track('signatures', checkSigned(settings, toRunning(bare))) : null,
    dialAll(plan.database.filter((target) => /^[\d.]+:|^\[/.test(target))),
    families.has('drift')
      ? track('drift', gatherDrift({ mode, settings, shared, needles: source.needles }, inside))
      : NO_DRIFT,
  ]);
  return {
    stack: { prefix: settings.prefix, mode, network: shared },
    now: new Date().toISOString(),
    host,
    containers: asked.containers,
    networks,
    volumes: listVolumes(bare),
    reach: toReach(asked.sections, fromProxy.dialed, fromHost, plan),
    secrets: { envFile: source.envFile, folder, ...asked.searched },
    http: fromProxy.http,
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

/** What is tried from where, as host:port. */
interface Plan {
  /** The database by its names, and by its addresses. */
  database: string[];
  metrics: string[];
  gateways: string[];
}

function planTries(
  settings: StackSettings,
  shared: string,
  containers: readonly ContainerFacts[],
  gateways: string[],
): Plan {
  const addressesOf = (service: string, isMeant: (network: string) => boolean) =>
    containers
      .filter((one) => one.service === service)
      .flatMap(({ networks }) =>
        networks.filter(({ name }) => isMeant(name)).flatMap(({ address, address6 }) => [address, address6]),
      )
      .filter(Boolean);
  return {
    database: [
      'kidney-genetics-postgres',
      `${settings.prefix}-postgres`,
      ...addressesOf('postgres', () => true),
    ].map((host) => `${host}:5432`),
    metrics: addressesOf('backend', (name) => name === shared).map((host) => `${host}:9464`),
    gateways: gateways.map((host) => `${host.includes(':') ? `[${host}]` : host}:22`),
  };
}

/** Starts a container of the backend's image on the shared network, with no right at all, and lets it ask. */
async function askHttp(
  settings: StackSettings,
  shared: string,
  containers: readonly ContainerFacts[],
  what: { dial: readonly string[]; pages: boolean },
): Promise<{ http: HttpFacts | null; dialed: Tries | null }> {
  const frontend = containers.find(({ service }) => service === 'frontend');
  const backend = containers.find(({ service }) => service === 'backend');
  const address = frontend?.networks.find(({ name }) => name === shared)?.address;
  if (!backend || !address) return { http: null, dialed: null };
  const api = backend.env.API_V1_STR ?? '/api/v1';
  const task = {
    address,
    host: 'kidney-genetics-frontend-service',
    list: api + app.list,
    refusedList: api + app.refusedList,
    webSocket: app.webSocket,
    ...what,
  };
  const { stdout } = await run(
    [
      ...['docker', 'run', '--rm', '--interactive', '--init'],
      ...['--name', `${settings.prefix}-verify-${process.pid}`, ...sandboxArgv({ network: shared })],
      ...['--log-driver', 'none', '--env', 'TASK', backend.imageId, ...NODE],
    ],
    { input: packProbe('http.ts'), env: { TASK: JSON.stringify(task) }, timeoutMs: HTTP_MS },
  );
  if (stdout === '') return { http: null, dialed: null };
  const answer = JSON.parse(stdout) as { http: HttpFacts | string | null; dialed: Tries };
  return {
    http: answer.http === null || typeof answer.http === 'string' ? null : answer.http,
    dialed: answer.dialed,
  };
}

/** Asks inside of every container, then the database, and searches what came for secrets. */
async function askContainers(
  raw: readonly InspectedContainer[],
  bare: readonly ContainerFacts[],
  plan: Plan,
  source: SecretSource,
  searching: boolean,
) {
  const targets: Record<string, string[]> = {
    backend: [plan.database[0] ?? ''],
    frontend: plan.database.slice(2),
    postgres: [OUTSIDE, ...plan.gateways],
  };
  const answers = await Promise.all(
    raw.map((one, index) =>
      askInside(one, bare[index]?.service ?? '', targets[bare[index]?.service ?? ''] ?? []),
    ),
  );
  const containers = bare.map((one, index) => {
    const sections = answers[index];
    return sections ? { ...one, inside: parseInside(sections, rootOf(raw[index]), one.probe) } : one;
  });
  const pickText = (kind: string) =>
    new Map(
      bare.map(({ name }, index) => [
        name,
        [...(answers[index] ?? [])]
          .flatMap(([section, text]) => (section.startsWith(kind) ? [text] : []))
          .join('\n'),
      ]),
    );
  const sectionsOf = (service: string): Sections =>
    answers[bare.findIndex((one) => one.service === service)] ?? new Map();
  const postgres = containers.find(({ service, state }) => service === 'postgres' && state === 'running');
  const [searched, database] = await Promise.all([
    searchSecrets(searching ? source : undefined, bare, {
      inspect: new Map(raw.map((one) => [one.Name.slice(1), JSON.stringify(one)])),
      commands: pickText('cmdline'),
      environments: pickText('environ'),
    }),
    postgres ? askDatabase(postgres, sectionsOf('backend').get('metrics') ?? '') : null,
  ]);
  return { containers, searched, database, sections: sectionsOf };
}

/** The container's first process, as /proc in it numbers it. */
function rootOf(raw: InspectedContainer | undefined): number {
  return raw?.HostConfig.PidMode === 'host' ? raw.State.Pid : 1;
}

/** Runs a probe in a container: the shell's, or Node's where there is no shell. */
async function askInside(
  raw: InspectedContainer,
  service: string,
  targets: readonly string[],
): Promise<Sections | undefined> {
  if (raw.State.Status !== 'running') return undefined;
  const task = [String(rootOf(raw)), ...targets];
  const byShell = () => execProbe([raw.Id, 'sh', '-s', ...task], readProbe('inside.sh'), {});
  const byNode = () =>
    execProbe(['--env', 'TASK', raw.Id, ...NODE], packProbe('inside.ts'), { TASK: task.join(' ') });
  return service === 'backend' ? byNode() : ((await byShell()) ?? byNode());
}

async function execProbe(
  args: readonly string[],
  input: string,
  env: Record<string, string>,
): Promise<Sections | undefined> {
  const { stdout } = await run(['docker', 'exec', '--interactive', ...args], {
    input,
    env,
    timeoutMs: INSIDE_MS,
  });
  return stdout.includes('\u001e') ? parseSections(stdout) : undefined;
}

function toReach(
  sectionsOf: (service: string) => Sections,
  dialed: Tries | null,
  fromHost: Tries,
  plan: Plan,
): ReachFacts {
  const pick = (from: Tries | null, targets: readonly string[]) =>
    from && Object.fromEntries(targets.map((target) => [target, from[target] ?? 'could not be tried']));
  const triesOf = (service: string) =>
    sectionsOf(service).size > 0 ? parseDials(sectionsOf(service)) : null;
  const fromDatabase = triesOf('postgres');
  return {
    databaseFromBackend: triesOf('backend')?.[plan.database[0] ?? ''] ?? null,
    databaseFromFrontend: pick(triesOf('frontend'), plan.database.slice(2)),
    databaseFromProxyNetwork: pick(dialed, plan.database),
    databaseFromHost: fromHost,
    metricsFromProxyNetwork: pick(dialed, plan.metrics),
    outsideFromDatabase: fromDatabase?.[OUTSIDE] ?? null,
    hostFromDatabase: pick(fromDatabase, plan.gateways),
  };
}
