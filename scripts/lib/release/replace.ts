import { setTimeout as sleep } from 'node:timers/promises';
import { type ContainerInfo, findContainer, listContainers } from '../docker/containers.ts';
import { lastLogLines } from '../docker/logs.ts';
import { DescribedError } from '../process/errors.ts';
import { ROOT } from '../process/root.ts';
import { mustRun, run } from '../process/shell.ts';
import { waitUntil } from '../process/wait.ts';
import type { Environment } from '../stack/compose-env.ts';
import { containerName, type Service, type StackSettings, shortName } from '../stack/stack.ts';
import { formatDuration, say, sayOk } from '../terminal/report.ts';
import { drain, isLeaving, retire } from './drain.ts';
import {
  askedNetworks,
  hashArgv,
  joinArgv,
  NAME_CACHE_MS,
  nextName,
  REPLACED_SERVICES,
  type ReplacedService,
  runNextArgv,
  upServiceArgv,
} from './replace-argv.ts';
import { smokeTest } from './smoke.ts';

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
 * Makes a service what the compose files and variables say, while one of its containers always answers: the next one
 * beside the current one, then the current one replaced, then the next one gone. Carries on from wherever an earlier
 * change was broken off.
 * @throws DescribedError when the next one does not get healthy or fails its smoke test; the current one was not touched
 */
export async function replaceService(service: ReplacedService, change: Change): Promise<void> {
  const { settings } = change;
  const name = shortName(service);
  const startedAt = Date.now();
  const wanted = await readWantedHash(service, change);
  let { current, next } = await look(settings, service);
  const answers = current !== undefined && isHealthy(current) && !(await isLeaving(current));
  if (next && (answers || !isHealthy(next))) {
    say(`  ${name}: removing what an interrupted change left`);
    await retire(settings, next);
    next = undefined;
  }
  if (answers && current?.labels['com.docker.compose.config-hash'] === wanted) {
    sayOk(`${name} is as it should be already`);
    return;
  }
  if (answers && !next) next = await startNext(service, change);
  if (next) await join(service, next, change);
  if (current) {
    say(`  ${name}: the current one finishes what it has begun`);
    await drain(settings, current);
  }
  const replaced = await recreate(service, change);
  if (next) {
    await settle(service, replaced);
    await retire(settings, next);
  }
  sayOk(`${name} replaced in ${formatDuration(Date.now() - startedAt)}`);
}

/** Whether a service's container is not what the compose files and variables say. */
export async function isOutdated(service: Service, change: Change): Promise<boolean> {
  const container = await findContainer(containerName(change.settings, service));
  return container?.labels['com.docker.compose.config-hash'] !== (await readWantedHash(service, change));
}

/** The containers that stand in for services' own; outside a change they are what an interrupted one left. */
export async function findNext(settings: StackSettings): Promise<ContainerInfo[]> {
  const names = REPLACED_SERVICES.map((service) => nextName(settings, service));
  const all = await listContainers(`label=com.docker.compose.project=${settings.prefix}`);
  return all.filter(({ name }) => names.includes(name));
}

async function look(
  settings: StackSettings,
  service: ReplacedService,
): Promise<{ current: ContainerInfo | undefined; next: ContainerInfo | undefined }> {
  const ofService = await listContainers(`label=com.docker.compose.service=${service}`);
  const ours = ofService.filter(({ project }) => project === settings.prefix);
  return {
    current: ours.find(({ name }) => name === containerName(settings, service)),
    next: ours.find(({ name }) => name === nextName(settings, service)),
  };
}

async function readWantedHash(service: Service, { settings, variables, command }: Change): Promise<string> {
  const printed = await mustRun(hashArgv(settings, service), command, { cwd: ROOT, env: variables });
  return printed.trim().split(/\s+/)[1] ?? '';
}

/** Starts the next container and tries it by itself. On any failure it is removed, and its last lines are shown. */
async function startNext(service: ReplacedService, change: Change): Promise<ContainerInfo> {
  const { settings, variables, command } = change;
  const name = shortName(service);
  const startedAt = Date.now();
  say(`  ${name}: starting the next one beside the current one`);
  try {
    await mustRun(runNextArgv(settings, service), command, { cwd: ROOT, env: variables });
    const next = await waitContainer(nextName(settings, service), change.timeoutMs);
    await smokeTest(service, next);
    await forgetConnections(service, next);
    say(`  ${name}: the next one is healthy and answers, after ${formatDuration(Date.now() - startedAt)}`);
    return next;
  } catch (error) {
    const log = (await lastLogLines(nextName(settings, service))).replace(/^/gm, '    ');
    await run(['docker', 'rm', '-f', '-v', nextName(settings, service)]);
    throw new DescribedError(
      `The next ${name} was removed, and the current one goes on: ${(error as Error).message}\n  Its last lines:\n${log}`,
      `fix what they say, then: ${command}`,
    );
  }
}

/** Joining cuts what is open: nginx must not keep the connections of the smoke test, on which nothing would come back. */
async function forgetConnections(service: ReplacedService, next: ContainerInfo): Promise<void> {
  if (service !== 'kidney-genetics-frontend') return;
  await mustRun(
    ['docker', 'exec', next.id, 'nginx', '-e', 'stderr', '-s', 'reload'],
    `docker logs ${next.name}`,
  );
  await sleep(500);
}

/** From now on the next one gets requests; returns when every proxy knows it. */
async function join(
  service: ReplacedService,
  next: ContainerInfo,
  { settings, variables, command }: Change,
): Promise<void> {
  for (const network of askedNetworks(settings, service)) {
    if (next.names[network]?.includes(service)) continue;
    const argvs = joinArgv(settings, service, network, variables.BACKEND_NAME ?? '');
    for (const argv of argvs) await mustRun(argv, command);
  }
  const [joined] = await listContainers(`id=${next.id}`);
  Object.assign(next, joined);
  const wait = NAME_CACHE_MS[service];
  say(`  ${shortName(service)}: both answer; ${formatDuration(wait)} until every proxy knows that`);
  await sleep(wait);
}

async function recreate(service: ReplacedService, change: Change): Promise<ContainerInfo> {
  const { settings, variables, command } = change;
  const up = upServiceArgv(settings, service, change.databaseStays);
  await mustRun(up, command, { cwd: ROOT, env: variables });
  return waitContainer(containerName(settings, service), change.timeoutMs);
}

/**
 * Returns when every proxy knows the replaced container: one that asked in the moment between it and its predecessor was
 * told of the next one alone.
 */
async function settle(service: ReplacedService, after: ContainerInfo): Promise<void> {
  await sleep(Math.max(0, Date.parse(after.startedAt) + NAME_CACHE_MS[service] - Date.now()));
}

function isHealthy({ state, health }: ContainerInfo): boolean {
  return state === 'running' && health === 'healthy';
}

/** @throws DescribedError when it does not get healthy */
async function waitContainer(name: string, timeoutMs: number): Promise<ContainerInfo> {
  const startedAt = Date.now();
  let container: ContainerInfo | undefined;
  const ask = async () => {
    container = await findContainer(name);
    const over =
      container && (isHealthy(container) || container.state === 'exited' || container.restarts > 2);
    return over || undefined;
  };
  await waitUntil(ask, timeoutMs, 250);
  if (container && isHealthy(container)) return container;
  const state = container?.state === 'running' ? container.health : (container?.state ?? 'missing');
  throw new DescribedError(
    `${name} is ${state} after ${formatDuration(Date.now() - startedAt)}`,
    `see its log: docker logs ${name}`,
  );
}
