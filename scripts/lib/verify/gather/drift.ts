import { DescribedError } from '../../process/errors.ts';
import { waitForLock } from '../../process/lock.ts';
import { run } from '../../process/shell.ts';
import { composeVariables } from '../../release/compose.ts';
import { readHistory } from '../../release/history.ts';
import { matchesRelease } from '../../release/releases.ts';
import { readSecretsVersion, secretsDir } from '../../secrets/secrets.ts';
import { loadEnvFile } from '../../stack/env-file.ts';
import { findDeployed, type Release } from '../../stack/release.ts';
import type { Mode, StackSettings } from '../../stack/stack.ts';
import { sayWarning } from '../../terminal/report.ts';
import { readCatalog, readFreshCatalog } from '../drift/catalog.ts';
import { compareCatalogs, parseCatalog } from '../drift/catalog-rules.ts';
import { compareContainer, compareObject, type Inspected, ownNames } from '../drift/engine-rules.ts';
import { type Asked, findLimitDrift, findMountDrift } from '../drift/inside-rules.ts';
import { findIntruders, type Neighbour, type Own } from '../drift/neighbour-rules.ts';
import { findStrangers } from '../drift/process-rules.ts';
import { inspectWhole, makeReference, type Reference } from '../drift/reference.ts';
import { type Compared, type ContainerFacts, DRIFT_PARTS, type DriftFacts } from '../facts.ts';
import { type Needle, searchText } from './search.ts';

/** What drift is looked for in. */
interface Subject {
  mode: Mode;
  settings: StackSettings;
  shared: string;
  /** The stack's containers as the checks know them, with what is inside. */
  containers: readonly ContainerFacts[];
  needles: readonly Needle[];
}

/** Nothing was compared. */
export const NO_DRIFT = Object.fromEntries(DRIFT_PARTS.map((part) => [part, null])) as DriftFacts;

const FAILED = (error: unknown): Compared => ({
  what: '',
  differences: [`could not be compared: ${error instanceof DescribedError ? error.message : String(error)}`],
});

/**
 * Compares what runs, whole, with what Compose makes of the files now, and with a fresh server of the release.
 * @param look the containers with what is inside: asked for while the reference is made
 */
export async function gatherDrift(
  subject: Omit<Subject, 'containers'>,
  look: Promise<readonly ContainerFacts[]>,
): Promise<DriftFacts> {
  const release = findDeployed(readHistory(subject.settings.prefix));
  const making = prepareReference(subject, release);
  making.catch(() => undefined);
  const containers = await look;
  let reference: Reference;
  try {
    reference = await making;
  } catch (error) {
    return Object.fromEntries(DRIFT_PARTS.map((part) => [part, FAILED(error)])) as DriftFacts;
  }
  const whole: Subject = { ...subject, containers };
  const [engine, server, images] = await Promise.all([
    compareEngine(whole, reference),
    compareServer(whole, reference),
    compareImages(whole, reference, release),
  ]);
  return hideSecrets({ ...engine, ...server, images, ...compareInside(whole, reference) }, subject.needles);
}

async function prepareReference(
  { mode, settings }: Pick<Subject, 'mode' | 'settings'>,
  release: Release | undefined,
) {
  // Two looks at once would take each other's reference for their own.
  await waitForLock(`${settings.prefix}-verify`, 'make prod-verify', sayWarning);
  const [env, version] = await Promise.all([
    loadEnvFile(settings.envFile),
    readSecretsVersion(settings.prefix),
  ]);
  return makeReference(
    mode,
    settings,
    composeVariables(mode, settings, env, version, release ?? { app: 'latest', database: 'latest' }),
  );
}

/** What the engine has of the stack now. */
interface Running {
  containers: Inspected[];
  networks: Inspected[];
  shared: Inspected[];
  volumes: Inspected[];
  all: Neighbour[];
}

async function readRunning(shared: string, { model, containers }: Reference): Promise<Running> {
  const { stdout } = await run(['docker', 'ps', '-aq', '--no-trunc']);
  const [running, networks, sharedNetwork, volumes, all] = await Promise.all([
    inspectWhole('container', [...containers.keys()]),
    inspectWhole('network', ownNames(model.networks)),
    inspectWhole('network', [shared]),
    inspectWhole(
      'volume',
      Object.values(model.volumes ?? {}).map(({ name }) => name),
    ),
    inspectWhole('container', stdout.split('\n').filter(Boolean)),
  ]);
  return {
    containers: running,
    networks,
    shared: sharedNetwork,
    volumes,
    all: all as unknown as Neighbour[],
  };
}

/** The engine's records: containers, networks and volumes, and who else has a part in them. */
async function compareEngine({ settings, shared }: Subject, reference: Reference) {
  const running = await readRunning(shared, reference);
  const known = [...running.networks, ...running.shared, ...reference.networks.values()];
  const namesById = new Map(known.map(({ Id, Name }) => [String(Id), String(Name)]));
  return {
    containers: {
      what: `${reference.containers.size} containers with what Compose makes of the files now, field by field`,
      differences: compareEach(reference.containers, running.containers, (a, b) =>
        compareContainer(a, b, namesById),
      ),
    },
    networks: {
      what: [...reference.networks.keys(), ...reference.volumes.keys()].join(', '),
      differences: [
        ...compareEach(reference.networks, running.networks, compareObject),
        ...compareEach(reference.volumes, running.volumes, compareObject),
      ],
    },
    neighbours: {
      what: `${running.all.length} containers of this host`,
      differences: findIntruders(running.all, listOwn(settings.prefix, reference, running)),
    },
  };
}

function compareEach(
  expected: ReadonlyMap<string, Inspected>,
  found: readonly Inspected[],
  compare: typeof compareObject,
): string[] {
  return [...expected].flatMap(([name, one]) => {
    const other = found.find(({ Name }) => String(Name).replace(/^\//, '') === name);
    return other ? compare(one, other).map((line) => `${name}: ${line}`) : [`${name} is not there`];
  });
}

function listOwn(prefix: string, reference: Reference, { networks, shared, volumes }: Running): Own {
  const keysOf = (list: readonly Inspected[]) => list.flatMap(({ Id, Name }) => [String(Name), String(Id)]);
  return {
    prefix,
    containers: [...reference.containers.keys()],
    probes: [`${prefix}-verify-${process.pid}`, `${prefix}-fresh-postgres`, `${prefix}-fresh-backend`],
    networks: keysOf(networks),
    shared: keysOf(shared),
    volumes: volumes.map(({ Name }) => String(Name)),
    folders: [...volumes.map(({ Mountpoint }) => String(Mountpoint)), secretsDir(prefix)],
  };
}

/** The images that run against the release that the history names. */
async function compareImages(
  { settings, containers }: Subject,
  reference: Reference,
  release: Release | undefined,
): Promise<Compared> {
  const idOf = (service: string) => containers.find((one) => one.service === service)?.imageId ?? '';
  const differences = [...reference.containers].flatMap(([name, { Image }]) => {
    const running = containers.find((one) => one.name === name);
    return !running || running.imageId === Image
      ? []
      : [
          `${name} runs ${running.imageId.slice(0, 19)}, and its release's tag means ${String(Image).slice(0, 19)}`,
        ];
  });
  if (!release) return { what: 'the tags alone: the history names no release', differences };
  return {
    what: `the images that ${release.app} was named for`,
    differences: [
      ...differences,
      ...(await matchesRelease(settings, release, { backend: idOf('backend'), frontend: idOf('frontend') })),
    ],
  };
}

/** What the kernel says inside of each container. */
function compareInside(
  { containers }: Subject,
  reference: Reference,
): Pick<DriftFacts, 'processes' | 'limits' | 'mounts'> {
  const each = (find: (one: ContainerFacts, asked: Asked) => string[]): Compared => ({
    what: `${containers.filter(({ inside }) => inside).length} containers`,
    differences: containers.flatMap((one) => {
      const asked = reference.containers.get(one.name);
      return asked && one.inside
        ? find(one, asked as unknown as Asked).map((line) => `${one.name}: ${line}`)
        : [];
    }),
  });
  return {
    processes: each((one) => findStrangers(one)),
    limits: each(({ inside }, asked) => (inside ? findLimitDrift(asked, inside) : [])),
    mounts: each(({ inside }, asked) => (inside ? findMountDrift(asked, inside) : [])),
  };
}

/** The database's server against a fresh one of the same release. */
async function compareServer(
  { settings, containers }: Subject,
  reference: Reference,
): Promise<Pick<DriftFacts, 'database' | 'settings'>> {
  const postgres = containers.find(({ service, state }) => service === 'postgres' && state === 'running');
  const [server, api] = ['postgres', 'backend'].map((one) =>
    reference.containers.get(`${settings.prefix}-${one}`),
  );
  if (!postgres || !server || !api) return { database: null, settings: null };
  try {
    const env = pickEnv(server, ['POSTGRES_USER', 'POSTGRES_DB', 'APP_USER', 'POSTGRES_INITDB_ARGS']);
    const [fresh, live] = await Promise.all([
      readFreshCatalog(settings.prefix, { postgres: String(server.Image), backend: String(api.Image), env }),
      readCatalog(postgres.name, env.POSTGRES_DB ?? ''),
    ]);
    const [expected, found] = [parseCatalog(fresh), parseCatalog(live)];
    const differences = compareCatalogs(expected, found);
    const isSetting = (line: string) =>
      /^pg_(settings|file_settings|hba_file_rules|ident_file_mappings|replication_slots|prepared_xacts) /.test(
        line,
      );
    const what = `${found.size} rows with a fresh server of the release`;
    return {
      database: { what, differences: differences.filter((line) => !isSetting(line)) },
      settings: { what, differences: differences.filter(isSetting) },
    };
  } catch (error) {
    return { database: FAILED(error), settings: FAILED(error) };
  }
}

function pickEnv({ Config }: Inspected, keys: readonly string[]): Record<string, string> {
  const env = ((Config as { Env: string[] | null }).Env ?? []).map((text) => [
    text.slice(0, text.indexOf('=')),
    text.slice(text.indexOf('=') + 1),
  ]);
  return Object.fromEntries(env.filter(([key = '']) => keys.includes(key)));
}

/** A difference may be that a secret stands where none should. */
function hideSecrets(drift: DriftFacts, needles: readonly Needle[]): DriftFacts {
  const hide = (line: string) =>
    searchText(line, needles).length > 0 ? `${line.replace(/: .*$/s, '')}: holds a secret` : line;
  return Object.fromEntries(
    Object.entries(drift).map(([part, one]) => [
      part,
      one && { ...one, differences: one.differences.map(hide) },
    ]),
  ) as DriftFacts;
}
