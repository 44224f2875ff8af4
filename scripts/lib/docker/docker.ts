import { setTimeout as sleep } from 'node:timers/promises';
import { mustRun, run } from '../process/shell.ts';
import { formatBytes } from '../terminal/report.ts';

const ENGINE_HINT = 'make host-setup';
const STATS_MS = 100;

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

/** The fields of `docker inspect` that are read here. */
interface Inspected {
  Id: string;
  Name: string;
  Image: string;
  RestartCount: number;
  State: {
    Status: string;
    StartedAt: string;
    FinishedAt: string;
    ExitCode: number;
    OOMKilled: boolean;
    Health?: { Status: string; Log: { Output: string }[] | null };
  };
  Config: { Image: string; Labels: Record<string, string> | null };
  HostConfig: { Memory: number; NanoCpus: number };
  NetworkSettings: {
    Ports: Record<string, { HostIp: string; HostPort: string }[] | null> | null;
    Networks: Record<
      string,
      { NetworkID: string; Aliases: string[] | null; DNSNames?: string[] | null; IPAddress: string }
    >;
  };
}

/**
 * The containers that filters of `docker ps` select, running or not; of several with the same key one has to hold.
 * @param filters such as `label=com.docker.compose.project=kidney-genetics`
 */
export async function listContainers(...filters: readonly string[]): Promise<ContainerInfo[]> {
  const chosen = filters.flatMap((filter) => ['--filter', filter]);
  const listed = await mustRun(['docker', 'ps', '-aq', '--no-trunc', ...chosen], ENGINE_HINT);
  const ids = listed.split('\n').filter(Boolean);
  return ids.length === 0 ? [] : inspectContainers(ids);
}

/** Those that are there: one may go meanwhile, and the others are still printed. */
export async function inspectContainers(names: readonly string[]): Promise<ContainerInfo[]> {
  const { stdout } = await run(['docker', 'inspect', '--type', 'container', ...names]);
  return (JSON.parse(stdout || '[]') as Inspected[]).map(toInfo);
}

function toInfo(raw: Inspected): ContainerInfo {
  const labels = raw.Config.Labels ?? {};
  const environment = labels.environment;
  return {
    id: raw.Id,
    name: raw.Name.replace(/^\//, ''),
    service: labels['com.docker.compose.service'] ?? '',
    project: labels['com.docker.compose.project'] ?? '',
    mode: environment === 'production' || environment === 'test' ? environment : undefined,
    state: raw.State.Status,
    // The engine keeps what the last probe found when the container has ended.
    health: raw.State.Status === 'running' ? (raw.State.Health?.Status ?? 'none') : 'none',
    startedAt: raw.State.StartedAt,
    finishedAt: raw.State.FinishedAt,
    probe: raw.State.Health?.Log?.at(-1)?.Output.trim() ?? '',
    exitCode: raw.State.ExitCode,
    oomKilled: raw.State.OOMKilled,
    restarts: raw.RestartCount,
    image: raw.Config.Image,
    revision: labels['org.opencontainers.image.revision'] ?? '',
    ports: formatPorts(raw.NetworkSettings.Ports ?? {}),
    memoryLimit: raw.HostConfig.Memory,
    cpuLimit: raw.HostConfig.NanoCpus / 1e9,
    names: mapValues(raw.NetworkSettings.Networks, ({ DNSNames, Aliases }) =>
      [...new Set([...(DNSNames ?? []), ...(Aliases ?? [])])].filter((name) => !raw.Id.startsWith(name)),
    ),
    networks: mapValues(raw.NetworkSettings.Networks, ({ NetworkID }) => NetworkID),
    addresses: mapValues(raw.NetworkSettings.Networks, ({ IPAddress }) => IPAddress),
    labels,
    imageId: raw.Image,
  };
}

function mapValues<T, U>(values: Readonly<Record<string, T>>, map: (value: T) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, map(value)]));
}

function formatPorts(ports: Record<string, { HostIp: string; HostPort: string }[] | null>): string[] {
  return Object.entries(ports).flatMap(([inside, bindings]) =>
    (bindings ?? []).map(({ HostIp, HostPort }) => `${HostIp}:${HostPort}->${inside}`),
  );
}

/** The ids of those networks that are there, by name. */
export async function readNetworkIds(names: readonly string[]): Promise<Map<string, string>> {
  const { stdout } = await run(['docker', 'network', 'inspect', '--format', '{{.Name}} {{.Id}}', ...names]);
  const pairs = stdout.split('\n').filter(Boolean);
  return new Map(pairs.map((line) => line.split(' ') as [string, string]));
}

/** Whether an object of the engine is there, or all of several. */
export async function objectExists(
  kind: 'network' | 'volume' | 'image',
  ...names: readonly string[]
): Promise<boolean> {
  return (await run(['docker', kind, 'inspect', ...names])).exitCode === 0;
}

/**
 * The last lines a container wrote, both streams, in one text.
 * @param since leaves out what is older, such as lines of its life before a restart: the container's `startedAt`
 */
export async function lastLogLines(container: string, lines = 15, since?: string): Promise<string> {
  const span = since === undefined ? [] : ['--since', since];
  const { stdout, stderr } = await run(['docker', 'logs', '--tail', String(lines), ...span, container]);
  return `${stdout}${stderr}`.trim();
}

/** What a container has used, as the engine counts it. */
interface Usage {
  /** Of all cores together, since it started. */
  cpuSeconds: number;
  /** Without the page cache that the kernel can take back at once, as `docker stats` shows it. */
  memoryBytes: number;
  memoryLimit: number;
  /** When this was so, in seconds. */
  at: number;
}

/** The fields of the engine's `GET /containers/{id}/stats` that are read here; cgroup v1 says total_inactive_file. */
interface EngineStats {
  read: string;
  cpu_stats: { cpu_usage: { total_usage: number } };
  memory_stats: {
    usage?: number;
    limit?: number;
    stats?: { inactive_file?: number; total_inactive_file?: number };
  };
}

/** Asks the engine's API once: `docker stats` would take two samples, a second apart. */
export async function readUsage(container: string): Promise<Usage | undefined> {
  // HTTP/1.0: the answer comes in one piece and ends the connection.
  const path = `/containers/${encodeURIComponent(container)}/stats?stream=false&one-shot=true`;
  const input = `GET ${path} HTTP/1.0\r\nHost: docker\r\n\r\n`;
  const { stdout } = await run(['docker', 'system', 'dial-stdio'], { input, timeoutMs: 10_000 });
  const [head = '', body = ''] = stdout.split('\r\n\r\n', 2);
  if (!/^HTTP\/\S+ 200 /.test(head)) return undefined;
  const { read, cpu_stats, memory_stats } = JSON.parse(body) as EngineStats;
  const { usage = 0, limit = 0, stats = {} } = memory_stats;
  return {
    cpuSeconds: cpu_stats.cpu_usage.total_usage / 1e9,
    memoryBytes: usage - (stats.total_inactive_file ?? stats.inactive_file ?? 0),
    memoryLimit: limit,
    at: Date.parse(read) / 1000,
  };
}

/** Bytes and CPU use now, by container name; measured over `STATS_MS`. */
export async function readStats(
  names: readonly string[],
): Promise<Map<string, { cpu: string; memory: string }>> {
  const readAll = () => Promise.all(names.map(readUsage));
  const before = await readAll();
  await sleep(names.length > 0 ? STATS_MS : 0);
  const after = await readAll();
  const stats = new Map<string, { cpu: string; memory: string }>();
  names.forEach((name, index) => {
    const [from, to] = [before[index], after[index]];
    // A container may go meanwhile.
    if (!from || !to) return;
    const share = (to.cpuSeconds - from.cpuSeconds) / (to.at - from.at);
    const memory = `${formatBytes(to.memoryBytes)} / ${formatBytes(to.memoryLimit)}`;
    stats.set(name, { cpu: `${(share * 100).toFixed(2)}%`, memory });
  });
  return stats;
}
