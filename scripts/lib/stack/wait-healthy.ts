import { setTimeout as sleep } from 'node:timers/promises';
import type { ContainerInfo } from '../docker/containers.ts';
import { lastLogLines } from '../docker/logs.ts';
import { DescribedError } from '../process/errors.ts';
import { formatDuration, isFancy, paint, say } from '../terminal/report.ts';
import { followHealth, inspectStack } from './containers.ts';
import { findLostNetwork } from './network-rules.ts';
import { containerName, type Mode, SERVICES, type StackSettings, shortName, upTarget } from './stack.ts';

/** For what the engine does not tell by itself, such as a container that ends before it has any health. */
const POLL_MS = 500;
/** A container that came up this often and went down again will not get healthy. */
const MAX_RESTARTS = 3;
/** When the API has had the time to sign in. */
const REFUSAL_MS = 5000;
/** What the API says then, see backend/src/db/failures.ts. */
const REFUSED = /the database (refuses the application's user or password|does not exist yet)/;

/**
 * Waits until each service is healthy and shows how each is doing.
 * @param timeoutMs how long at the most
 * @param options.after health counts only when this is done: until then the containers may be the former ones
 * @param options.signal ends the wait early, without an error
 * @returns the containers as they were seen last
 * @throws DescribedError with the last log lines of the service that does not get healthy
 */
export async function waitHealthy(
  settings: StackSettings,
  timeoutMs: number,
  { after, signal }: { after?: Promise<unknown>; signal?: AbortSignal } = {},
): Promise<ContainerInfo[]> {
  let counts = after === undefined;
  let news = false;
  let pause = new AbortController();
  const wake = () => {
    news = true;
    pause.abort();
  };
  const settled = () => {
    counts = true;
    wake();
  };
  after?.then(settled, settled);
  signal?.addEventListener('abort', wake);
  const unfollow = followHealth(settings, wake);
  const since = Date.now();
  const shown = new Map<string, string>();
  let containers: ContainerInfo[] = [];
  try {
    while (!signal?.aborted) {
      news = false;
      const counting = counts;
      containers = await inspectStack(settings);
      const waited = Date.now() - since;
      const byService = new Map(containers.map((container) => [container.service, container]));
      showProgress(byService, shown, waited);
      if (counting && SERVICES.every((service) => byService.get(service)?.health === 'healthy')) break;
      if (counting) assertNoneMissing(settings, containers);
      if (counting && waited > REFUSAL_MS && (await isRefused(byService))) throw refusal(containers[0]?.mode);
      const late = findHopeless(containers, counting, waited > timeoutMs);
      if (late) throw await describeUnhealthy(settings, late.container, waited);
      if (news) continue;
      pause = new AbortController();
      await sleep(POLL_MS, undefined, { signal: pause.signal }).catch(() => undefined);
    }
    return containers;
  } catch (error) {
    // Below the line that was rewritten.
    if (isFancy()) process.stdout.write('\n');
    throw error;
  } finally {
    unfollow();
  }
}

/** Some are there, so that the engine answers, and one is not. */
function assertNoneMissing(settings: StackSettings, containers: readonly ContainerInfo[]): void {
  const missing = SERVICES.find((service) => !containers.some((one) => one.service === service));
  if (!missing || containers.length === 0) return;
  throw new DescribedError(
    `${containerName(settings, missing)} is not there: somebody has removed it`,
    upTarget(containers[0]?.mode),
  );
}

/** The container that will not get healthy, or has not in time; none may be there at all. */
function findHopeless(
  containers: readonly ContainerInfo[],
  counting: boolean,
  tooLate: boolean,
): { container: ContainerInfo | undefined } | undefined {
  const sick = containers.filter(({ health }) => health !== 'healthy');
  const broken = counting ? sick.find(({ restarts }) => restarts >= MAX_RESTARTS) : undefined;
  return broken || tooLate ? { container: broken ?? sick[0] } : undefined;
}

/** The database is well, and lets the API not in: waiting fixes nothing. */
async function isRefused(byService: ReadonlyMap<string, ContainerInfo>): Promise<boolean> {
  const [database, api] = [byService.get(SERVICES[0]), byService.get(SERVICES[1])];
  if (database?.health !== 'healthy' || !api || api.health === 'healthy') return false;
  return REFUSED.test(await lastLogLines(api.name, 3, api.startedAt));
}

function refusal(mode: Mode | undefined): DescribedError {
  return new DescribedError(
    'The database refuses the role, password or database name of the env file: its volume was made with others',
    `put those that it was made with into the env file, then: ${upTarget(mode)}`,
  );
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
  if (!container) return new DescribedError('No container of the stack is there', upTarget());
  const lost = findLostNetwork(container, settings);
  if (lost)
    return new DescribedError(`${container.name} is not on the network ${lost}`, upTarget(container.mode));
  const log = await lastLogLines(container.name);
  const indented = log.replace(/^/gm, '    ');
  const state = container.oomKilled ? 'was out of memory' : `is ${describe(container)}`;
  return new DescribedError(
    `${container.name} ${state} after ${formatDuration(waited)}; its last lines:\n${indented}`,
    `more of its log: docker logs ${containerName(settings, container.service as (typeof SERVICES)[number])}`,
  );
}
