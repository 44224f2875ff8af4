import { setTimeout as sleep } from 'node:timers/promises';
import { type ContainerInfo, findContainer, listContainers } from '../docker/containers.ts';
import { lastLogLines } from '../docker/logs.ts';
import { mustMake } from '../docker/make.ts';
import { DescribedError } from '../process/errors.ts';
import { ROOT } from '../process/root.ts';
import { $, must, mustRun, run, whenInterrupted } from '../process/shell.ts';
import { waitUntil } from '../process/wait.ts';
import type { Environment } from '../stack/compose-env.ts';
import { formerName } from '../stack/containers.ts';
import { containerName, type Service, type StackSettings, shortName } from '../stack/stack.ts';
import { formatDuration, say, sayOk } from '../terminal/report.ts';
import { withHidden } from './hide.ts';
import { leave } from './leave.ts';
import {
  hashArgv,
  NAME_CACHE_MS,
  nextName,
  REPLACED_SERVICES,
  type ReplacedService,
  retireArgv,
  runNextArgv,
  upServiceArgv,
} from './replace-argv.ts';
import { answersWell, smokeTest } from './smoke.ts';

/** `docker stop` ends what takes longer, see `retireArgv`. */
const LEAVING_MS = 45_000;

/** A change under way: which stack, Compose's variables for what it shall be, how long a container may take. */
export interface Change {
  settings: StackSettings;
  variables: Environment;
  timeoutMs: number;
  /** Runs the command again. */
  command: string;
  /** The database's container is not what the compose files and variables say, and is to stay all the same. */
  databaseStays: boolean;
}

/**
 * Makes backend and frontend what the compose files and variables say, while a container of each always answers. Carries
 * on from wherever an earlier change was broken off.
 * @throws DescribedError when a next one does not get healthy or fails its smoke test; the current ones were not touched
 */
export async function replaceServices(change: Change): Promise<void> {
  const due: ReplacedService[] = [];
  for (const service of REPLACED_SERVICES) {
    await settleService(change.settings, service);
    if (await isOutdated(service, change)) due.push(service);
    else sayOk(`${shortName(service)} is as it should be already`);
  }
  const trials = await Promise.allSettled(due.map((service) => tryNext(service, change)));
  for (const trial of trials) if (trial.status === 'rejected') throw trial.reason;
  // One after the other: a new page never meets an API that is older than itself.
  for (const service of due) await replaceService(service, change);
}

/** Whether a service's container is not what the compose files and variables say, or does not run well. */
export async function isOutdated(service: Service, change: Change): Promise<boolean> {
  const container = await findContainer(containerName(change.settings, service));
  const printed = await mustRun(hashArgv(change.settings, service), change.command, {
    cwd: ROOT,
    env: change.variables,
  });
  const wanted = printed.trim().split(/\s+/)[1];
  return !isHealthy(container) || container?.labels['com.docker.compose.config-hash'] !== wanted;
}

/**
 * Brings a service that a broken change left with several containers back to one: the new one where it is healthy, else the
 * one before it. One that is on its way out already is seen off.
 */
export async function settleService(settings: StackSettings, service: ReplacedService): Promise<void> {
  const { current, former, next } = await look(settings, service);
  if (next) await remove(next);
  for (const one of former) {
    if (one.state !== 'running') await remove(one);
    else if (await answersWell(service, one)) return settleBetween(settings, service, one, current);
    // Told to leave, and perhaps not to stop: an order that came before does no harm.
    else await run(retireArgv(settings, service, one));
  }
}

async function settleBetween(
  settings: StackSettings,
  service: ReplacedService,
  former: ContainerInfo,
  current: ContainerInfo | undefined,
): Promise<void> {
  if (current && isHealthy(current)) {
    await untilKnown(service, current);
    return leave(settings, service, former);
  }
  say(`  ${shortName(service)}: putting back what an interrupted change left`);
  if (current) await sendOff(settings, service, current);
  await must($`docker rename ${former.id} ${containerName(settings, service)}`, 'make prod-up');
}

/** Returns when no container of the stack is on its way out any more: Compose would take it for the service's own. */
export async function untilGone(settings: StackSettings): Promise<void> {
  const ask = async () => {
    const all = await Promise.all(REPLACED_SERVICES.map((service) => look(settings, service)));
    return all.every(({ former }) => former.length === 0) || undefined;
  };
  await waitUntil(ask, LEAVING_MS, 500);
}

async function look(settings: StackSettings, service: ReplacedService) {
  // By names: an older version of the compose files may have had another key for the service.
  const ours = await listContainers(`label=com.docker.compose.project=${settings.prefix}`);
  const own = containerName(settings, service);
  return {
    current: ours.find(({ name }) => name === own),
    next: ours.find(({ name }) => name === nextName(settings, service)),
    former: ours.filter(({ id, name }) => name === formerName(settings, service, id)),
  };
}

/** Starts the next version and tries it by itself, under no name that users ask for. Its last lines are shown when it fails. */
async function tryNext(service: ReplacedService, change: Change): Promise<void> {
  const { settings, variables, command, timeoutMs } = change;
  const [name, next] = [shortName(service), nextName(settings, service)];
  const tidy = () => run(['docker', 'rm', '--force', '--volumes', next]);
  const done = whenInterrupted(tidy);
  const startedAt = Date.now();
  say(`  ${name}: starting the next one beside the current one`);
  try {
    await mustMake(runNextArgv(settings, service), command, { cwd: ROOT, env: variables });
    await smokeTest(service, await waitContainer(next, timeoutMs));
    say(`  ${name}: the next one is healthy and answers, after ${formatDuration(Date.now() - startedAt)}`);
  } catch (error) {
    throw await describeFailure(name, next, error, command);
  } finally {
    await tidy();
    done();
  }
}

/** The next container takes the service's names; then the current one, which has the names too, leaves. */
async function replaceService(service: ReplacedService, change: Change): Promise<void> {
  const startedAt = Date.now();
  const name = shortName(service);
  const { current, former } = await look(change.settings, service);
  const started = await startBeside(service, current, former, change);
  if (current) {
    say(`  ${name}: both answer; until every proxy knows that: ${formatDuration(NAME_CACHE_MS[service])}`);
    await untilKnown(service, started);
    say(`  ${name}: the current one finishes what it has begun`);
    await leave(change.settings, service, current);
  }
  sayOk(`${name} replaced in ${formatDuration(Date.now() - startedAt)}`);
}

/** Has Compose make a service's container although the current one runs, which keeps all but its own name. */
async function startBeside(
  service: ReplacedService,
  current: ContainerInfo | undefined,
  former: readonly ContainerInfo[],
  { settings, variables, command, timeoutMs, databaseStays }: Change,
): Promise<ContainerInfo> {
  const own = containerName(settings, service);
  const up = (env: Readonly<Record<string, string>> = {}) =>
    mustMake(upServiceArgv(settings, service, databaseStays), command, {
      cwd: ROOT,
      env: { ...variables, ...env },
    });
  const hidden = former.map(({ id }) => id);
  if (!current) {
    await withHidden(hidden, up);
    return waitContainer(own, timeoutMs);
  }
  await must($`docker rename ${current.id} ${formerName(settings, service, current.id)}`, command);
  const done = whenInterrupted(() => settleService(settings, service));
  try {
    await withHidden([current.id, ...hidden], up);
    return await waitContainer(own, timeoutMs);
  } catch (error) {
    const failure = await describeFailure(shortName(service), own, error, command);
    const failed = await findContainer(own);
    if (failed) await sendOff(settings, service, failed);
    await run(['docker', 'rename', current.id, own]);
    throw failure;
  } finally {
    done();
  }
}

async function describeFailure(
  name: string,
  container: string,
  error: unknown,
  command: string,
): Promise<DescribedError> {
  const what = `The next ${name} was removed, and the current one goes on: ${(error as Error).message}`;
  const log = await lastLogLines(container);
  // It did not come to be started.
  if (log === '' && error instanceof DescribedError) return new DescribedError(what, error.hint);
  return new DescribedError(
    `${what}\n  Its last lines:\n${log.replace(/^/gm, '    ')}`,
    `fix what they say, then: ${command}`,
  );
}

/** Returns when every proxy knows a container: one that asked before it started was told of the other one alone. */
async function untilKnown(service: ReplacedService, { startedAt }: ContainerInfo): Promise<void> {
  await sleep(Math.max(0, Date.parse(startedAt) + NAME_CACHE_MS[service] - Date.now()));
}

/** Takes the name from a container that failed under it, and removes it as one that was replaced: proxies may know its address. */
async function sendOff(
  settings: StackSettings,
  service: ReplacedService,
  failed: ContainerInfo,
): Promise<void> {
  await run(['docker', 'rename', failed.id, formerName(settings, service, failed.id)]);
  await run(retireArgv(settings, service, failed));
}

async function remove({ id }: ContainerInfo): Promise<void> {
  await run(['docker', 'rm', '--force', '--volumes', id]);
}

function isHealthy(container: ContainerInfo | undefined): boolean {
  return container?.state === 'running' && container.health === 'healthy';
}

/** @throws DescribedError when a container does not get healthy */
async function waitContainer(name: string, timeoutMs: number): Promise<ContainerInfo> {
  const startedAt = Date.now();
  let container: ContainerInfo | undefined;
  const ask = async () => {
    container = await findContainer(name);
    const { state, restarts } = container ?? { state: 'missing', restarts: 0 };
    return isHealthy(container) || state === 'exited' || restarts > 2 || undefined;
  };
  await waitUntil(ask, timeoutMs, 200);
  if (container && isHealthy(container)) return container;
  const state = container?.state === 'running' ? container.health : (container?.state ?? 'missing');
  throw new DescribedError(
    `${name} is ${state} after ${formatDuration(Date.now() - startedAt)}`,
    `see its log: docker logs ${name}`,
  );
}
