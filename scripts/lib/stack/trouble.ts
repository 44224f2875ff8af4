import type { ContainerInfo } from '../docker/containers.ts';
import { lastLogLines } from '../docker/logs.ts';
import { run } from '../process/shell.ts';
import { formatBytes, formatDuration, say, sayFailure, sayWarning } from '../terminal/report.ts';
import { isOfOlderKit } from './containers.ts';
import { findLostNetwork } from './network-rules.ts';
import type { StackSettings } from './stack.ts';
import {
  ABORTED,
  findTrouble,
  type LifeEvent,
  listDeaths,
  type Trouble,
  WATCHED_MS,
} from './trouble-rules.ts';

const LOG_LINES = 10;
/** Lines of a log are JSON and long; their beginning says what happened. */
const LINE_WIDTH = 240;

/** What is wrong with each container, by name; nothing for one that is well and has been. */
export async function findTroubles(
  settings: StackSettings,
  containers: readonly ContainerInfo[],
): Promise<Map<string, Trouble>> {
  const [events, kills] = await Promise.all([readEvents(settings), readKernelKills()]);
  const now = Date.now();
  const troubles = new Map<string, Trouble>();
  for (const container of containers) {
    const outOfMemory = [
      ...kills.filter(({ id }) => id === container.id).map(({ at }) => at),
      ...(await readHeapDeaths(container, events)),
    ].filter((at) => now - at <= WATCHED_MS);
    const lostNetwork = isOfOlderKit(container) ? undefined : findLostNetwork(container, settings);
    const patient = { ...container, lostNetwork };
    const trouble = findTrouble(patient, events, outOfMemory, now, formatDuration);
    if (trouble.words.length > 0) troubles.set(container.name, trouble);
  }
  return troubles;
}

/** Prints what is wrong; for what is wrong now also what its probe and its log say. */
export async function showTroubles(
  containers: readonly ContainerInfo[],
  troubles: ReadonlyMap<string, Trouble>,
): Promise<void> {
  for (const container of containers) {
    const trouble = troubles.get(container.name);
    if (!trouble) continue;
    const limit = trouble.words.some((word) => word.startsWith('out of memory')) && container.memoryLimit;
    const words = trouble.words.join(', ') + (limit ? `; its limit is ${formatBytes(limit)}` : '');
    if (!trouble.now) {
      sayWarning(`${container.name}: ${words}; well again`);
      continue;
    }
    sayFailure(`${container.name}: ${words}`, '');
    if (container.probe) say(`    its probe: ${container.probe}`);
    const log = await lastLogLines(container.name, LOG_LINES);
    for (const line of log.split('\n')) say(`    ${line.slice(0, LINE_WIDTH)}`);
  }
}

/** The engine remembers the last 256 events of the whole host. */
async function readEvents(settings: StackSettings): Promise<LifeEvent[]> {
  const actions = ['start', 'kill', 'die', 'oom'].flatMap((action) => ['--filter', `event=${action}`]);
  const { stdout } = await run([
    ...['docker', 'events', '--since', `${WATCHED_MS / 1000}s`, '--until', '0s', ...actions],
    ...['--filter', 'type=container', '--filter', `label=com.docker.compose.project=${settings.prefix}`],
    ...['--format', '{{.Action}} {{.ID}} {{.TimeNano}} {{index .Actor.Attributes "exitCode"}}'],
  ]);
  return stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const [action = '', id = '', nanoseconds = '', exitCode = ''] = line.split(' ');
      return { action, id, at: Number(nanoseconds) / 1e6, exitCode: Number(exitCode) };
    });
}

/** Processes of containers that the kernel ended for want of memory; none for a user who may not read its log. */
async function readKernelKills(): Promise<{ id: string; at: number }[]> {
  const { stdout } = await run(['dmesg', '--time-format', 'iso']);
  return [...stdout.matchAll(/^(\S+) oom-kill:.*oom_memcg=\S*?([0-9a-f]{64})/gm)].map(
    ([, time = '', id = '']) => ({ id, at: Date.parse(time.replace(',', '.')) }),
  );
}

/** Node ends itself when its heap is full, which the kernel does not notice. */
async function readHeapDeaths(container: ContainerInfo, events: readonly LifeEvent[]): Promise<number[]> {
  const aborted = listDeaths(events, container.id).filter(({ exitCode }) => exitCode === ABORTED);
  if (aborted.length === 0) return [];
  const log = await lastLogLines(container.name, 500);
  return log.includes('heap out of memory') ? aborted.map(({ at }) => at) : [];
}
