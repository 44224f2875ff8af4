import { setTimeout as sleep } from 'node:timers/promises';
import { run } from '../process/shell.ts';

const STATS_MS = 100;

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

/**
 * Asks the engine's API once, through the client, which knows every kind of connection to the engine. The client has no
 * command for it: `docker stats --no-stream` takes two samples, 2 s in all, where this takes 0.1 s.
 * @returns undefined for a container that is not there
 */
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

/** How much a container uses now. */
export interface Use {
  /** Of one core: 1.5 are one and a half. */
  cpus: number;
  memoryBytes: number;
  memoryLimit: number;
}

/** Of one core, in percent. */
export function formatCpus({ cpus }: Use): string {
  return `${(cpus * 100).toFixed(2)}%`;
}

/** What containers use now, by name, measured over `STATS_MS`; not those that go meanwhile. */
export async function readStats(names: readonly string[]): Promise<Map<string, Use>> {
  const readAll = () => Promise.all(names.map(readUsage));
  const before = await readAll();
  await sleep(names.length > 0 ? STATS_MS : 0);
  const after = await readAll();
  const uses = names.flatMap((name, index) => {
    const [from, to] = [before[index], after[index]];
    if (!from || !to) return [];
    const { memoryBytes, memoryLimit } = to;
    const cpus = (to.cpuSeconds - from.cpuSeconds) / (to.at - from.at);
    return [[name, { cpus, memoryBytes, memoryLimit }] as const];
  });
  return new Map(uses);
}
