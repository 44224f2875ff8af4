import { run } from '../../process/shell.ts';
import { secretsDir } from '../../secrets/secrets.ts';
import type { StackSettings } from '../../stack/stack.ts';
import {
  type ComposeModel,
  compareContainer,
  compareObject,
  type Inspected,
  ownNames,
} from '../drift/engine-rules.ts';
import { findIntruders, type Neighbour, type Own } from '../drift/neighbour-rules.ts';
import { inspectWhole, type Reference } from '../drift/reference.ts';
import type { DriftFacts } from '../facts.ts';

/** What the engine has of the stack now. */
interface Running {
  containers: Inspected[];
  networks: Inspected[];
  shared: Inspected[];
  volumes: Inspected[];
  all: Neighbour[];
}

async function readRunning(shared: string, model: ComposeModel): Promise<Running> {
  const { stdout } = await run(['docker', 'ps', '-aq', '--no-trunc']);
  const [running, networks, sharedNetwork, volumes, all] = await Promise.all([
    inspectWhole(
      'container',
      Object.values(model.services).map(({ container_name }) => container_name),
    ),
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
export async function compareEngine(
  { settings, shared }: { settings: StackSettings; shared: string },
  model: ComposeModel,
  reference: Reference,
): Promise<Pick<DriftFacts, 'containers' | 'networks' | 'neighbours'>> {
  const running = await readRunning(shared, model);
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
