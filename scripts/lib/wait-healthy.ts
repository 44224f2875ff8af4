import { setTimeout as sleep } from 'node:timers/promises';
import { type ContainerInfo, lastLogLines, listStack } from './docker.ts';
import { DescribedError } from './errors.ts';
import { containerName, SERVICES, type StackSettings, shortName } from './model/stack.ts';
import { formatDuration, isFancy, paint, say } from './report.ts';

const POLL_MS = 300;
/** A container that came up this often and went down again will not get healthy. */
const MAX_RESTARTS = 3;

/**
 * Waits until each service is healthy and shows how each is doing.
 * @param timeoutMs how long at the most
 * @param options.after health counts only when this is done: until then the containers may be the former ones
 * @param options.signal ends the wait early, without an error
 * @throws DescribedError with the last log lines of the service that does not get healthy
 */
export async function waitHealthy(
  settings: StackSettings,
  timeoutMs: number,
  { after, signal }: { after?: Promise<unknown>; signal?: AbortSignal } = {},
): Promise<void> {
  let counts = after === undefined;
  const begun = after?.then(() => {
    counts = true;
  });
  const since = Date.now();
  const shown = new Map<string, string>();
  while (!signal?.aborted) {
    const counting = counts;
    const containers = await listStack(settings);
    const byService = new Map(containers.map((container) => [container.service, container]));
    showProgress(byService, shown, Date.now() - since);
    if (counting && SERVICES.every((service) => byService.get(service)?.health === 'healthy')) return;
    const waited = Date.now() - since;
    const broken = containers.find(
      (container) => container.restarts >= MAX_RESTARTS && container.health !== 'healthy',
    );
    if (broken || waited > timeoutMs) {
      const late = broken ?? containers.find(({ health }) => health !== 'healthy');
      throw await describeUnhealthy(settings, late, waited);
    }
    const pause = sleep(POLL_MS, undefined, signal ? { signal } : {}).catch(() => undefined);
    await (counts ? pause : Promise.race([pause, begun]));
  }
}

/** On a terminal one line that is rewritten; elsewhere a line for each change. */
function showProgress(
  byService: Map<string, ContainerInfo>,
  shown: Map<string, string>,
  elapsed: number,
): void {
  const words = SERVICES.map((service) => [shortName(service), describe(byService.get(service))] as const);
  if (isFancy()) {
    const all = words.map(([name, word]) => `${name} ${paintWord(word)}`).join('  ');
    process.stdout.write(`\r\u001b[2K  ${all}  ${formatDuration(elapsed)}`);
    if (words.every(([, word]) => word === 'healthy')) process.stdout.write('\r\u001b[2K');
    return;
  }
  for (const [name, word] of words) {
    if (shown.get(name) !== word) say(`  ${name}: ${word}`);
    shown.set(name, word);
  }
}

function describe(container: ContainerInfo | undefined): string {
  if (!container) return 'waiting';
  return container.state === 'running' ? container.health : container.state;
}

function paintWord(word: string): string {
  if (word === 'healthy') return paint('green', word);
  return paint(word === 'unhealthy' || word === 'restarting' || word === 'exited' ? 'red' : 'yellow', word);
}

async function describeUnhealthy(
  settings: StackSettings,
  container: ContainerInfo | undefined,
  waited: number,
): Promise<DescribedError> {
  if (isFancy()) process.stdout.write('\n');
  if (!container) return new DescribedError('No container of the stack is there', 'make prod-up');
  const log = await lastLogLines(container.name);
  if (/password authentication failed|28P01/.test(log)) {
    return new DescribedError(
      `The database refuses the password of the env file: its volume was made with another one`,
      'put the password that the volume was made with into the env file, then: make prod-up',
    );
  }
  const indented = log.replace(/^/gm, '    ');
  const state = container.oomKilled ? 'was out of memory' : `is ${describe(container)}`;
  return new DescribedError(
    `${container.name} ${state} after ${formatDuration(waited)}; its last lines:\n${indented}`,
    `more of its log: docker logs ${containerName(settings, container.service as (typeof SERVICES)[number])}`,
  );
}
