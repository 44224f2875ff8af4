import { $, must } from '../process/shell.ts';
import { bareName, type InspectedContainer, inspect, listPorts, namesOn } from './inspect.ts';

const ENGINE_HINT = 'make host-setup';

/** A container as the engine describes it. */
export interface ContainerInfo {
  id: string;
  name: string;
  /** Compose's service key and project; empty for a container that Compose did not make. */
  service: string;
  project: string;
  /** The mode that the compose files labelled it with. */
  mode: 'production' | 'test' | undefined;
  /** running, restarting, exited, ... */
  state: string;
  /** healthy, unhealthy, starting; none without a health check, or while it does not run. */
  health: string;
  startedAt: string;
  finishedAt: string;
  exitCode: number;
  /** What its last probe said. */
  probe: string;
  oomKilled: boolean;
  restarts: number;
  image: string;
  revision: string;
  /** Published ports, such as 127.0.0.1:8080->80/tcp. */
  ports: string[];
  /** Bytes; 0 means no limit. */
  memoryLimit: number;
  /** CPUs, such as 1.0; 0 means no limit. */
  cpuLimit: number;
  /** Ids of the networks it belongs to, by name, running or not; empty before its first start. */
  networks: Record<string, string>;
  /** What it answers to, by network name. */
  names: Record<string, string[]>;
  /** Its IPv4 address, by network name; empty while it does not run. */
  addresses: Record<string, string>;
  labels: Record<string, string>;
  imageId: string;
}

/**
 * The containers that filters of `docker ps` select, running or not; of several with the same key one has to hold.
 * @param filters such as `label=com.docker.compose.project=kidney-genetics`
 * @throws DescribedError when the engine does not answer
 */
export async function listContainers(...filters: readonly string[]): Promise<ContainerInfo[]> {
  return inspectContainers(await listIds(...filters));
}

/** The ids of the containers that filters select, as `listContainers` does. */
export async function listIds(...filters: readonly string[]): Promise<string[]> {
  const chosen = filters.flatMap((filter) => ['--filter', filter]);
  const listed = await must($`docker ps -aq --no-trunc ${chosen}`, ENGINE_HINT);
  return listed.split('\n').filter(Boolean);
}

/** The container of a name or id; undefined where there is none. */
export async function findContainer(name: string): Promise<ContainerInfo | undefined> {
  return (await inspectContainers([name]))[0];
}

/** Those that are there, in the order in which they are named. */
export async function inspectContainers(names: readonly string[]): Promise<ContainerInfo[]> {
  return (await inspect('container', names)).map(toInfo);
}

function toInfo(raw: InspectedContainer): ContainerInfo {
  const labels = raw.Config.Labels ?? {};
  const { State, NetworkSettings } = raw;
  const environment = labels.environment;
  return {
    id: raw.Id,
    name: bareName(raw),
    service: labels['com.docker.compose.service'] ?? '',
    project: labels['com.docker.compose.project'] ?? '',
    mode: environment === 'production' || environment === 'test' ? environment : undefined,
    state: State.Status,
    // The engine keeps what the last probe found when the container has ended.
    health: State.Status === 'running' ? (State.Health?.Status ?? 'none') : 'none',
    startedAt: State.StartedAt,
    finishedAt: State.FinishedAt,
    probe: State.Health?.Log?.at(-1)?.Output.trim() ?? '',
    exitCode: State.ExitCode,
    oomKilled: State.OOMKilled,
    restarts: raw.RestartCount,
    image: raw.Config.Image,
    imageId: raw.Image,
    revision: labels['org.opencontainers.image.revision'] ?? '',
    ports: listPorts(raw),
    memoryLimit: raw.HostConfig.Memory,
    cpuLimit: raw.HostConfig.NanoCpus / 1e9,
    names: mapEntries(NetworkSettings.Networks, (network) => namesOn(raw, network)),
    networks: mapEntries(NetworkSettings.Networks, (_, { NetworkID }) => NetworkID),
    addresses: mapEntries(NetworkSettings.Networks, (_, { IPAddress }) => IPAddress),
    labels,
  };
}

function mapEntries<T, U>(
  values: Readonly<Record<string, T>>,
  map: (key: string, value: T) => U,
): Record<string, U> {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, map(key, value)]));
}
