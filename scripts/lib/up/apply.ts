import { assertReadsData } from '../database/data-version.ts';
import type { ContainerInfo } from '../docker/containers.ts';
import { explainRefusal } from '../docker/refusal-rules.ts';
import { DescribedError } from '../process/errors.ts';
import { ROOT } from '../process/root.ts';
import { $, must, mustRun, run } from '../process/shell.ts';
import { prepareCompose } from '../release/compose.ts';
import { recordChange } from '../release/history.ts';
import { completeInterrupted, removeLeftovers, stopLeftovers } from '../release/leftovers.ts';
import { tagLatest, tagRunning } from '../release/releases.ts';
import { untilGone } from '../release/replace.ts';
import { noteProven } from '../secrets/secrets.ts';
import { composeEnv } from '../stack/compose-env.ts';
import { inspectStack } from '../stack/containers.ts';
import type { EnvValues } from '../stack/env-rules.ts';
import type { Release } from '../stack/release.ts';
import { composeArgv, type Mode, SERVICES, type StackSettings, upArgv, upTarget } from '../stack/stack.ts';
import { waitHealthy } from '../stack/wait-healthy.ts';
import { say, sayWarning } from '../terminal/report.ts';
import { databaseImage } from './look.ts';
import type { Plan, Step } from './up-plan.ts';

/** What the steps of a plan work with. */
export interface Applying {
  mode: Mode;
  settings: StackSettings;
  env: EnvValues;
  timeoutMs: number;
  /** Builds the images that are missing. */
  build(): Promise<unknown>;
}

/**
 * Carries out a plan, step by step; each may be done again.
 * @returns the containers when they are healthy, and the release that they are of
 * @throws DescribedError
 */
export async function applyUp(
  plan: Plan,
  work: Applying,
): Promise<{ containers: ContainerInfo[]; release: Release }> {
  let release = plan.release;
  let containers: ContainerInfo[] = [];
  for (const step of plan.steps) {
    if (step.do === 'tag')
      release = await (step.from === 'running' ? tagRunning(work.settings) : tagLatest(work.settings));
    else if (step.do === 'up')
      containers = await bringUp(mustKnow(release), plan.release === undefined, work);
    else await applyStep(step, work, release);
  }
  return { containers, release: mustKnow(release) };
}

function mustKnow(release: Release | undefined): Release {
  if (release) return release;
  throw new Error('A plan has to know or tag the release before it brings it up');
}

async function applyStep(
  step: Exclude<Step, { do: 'tag' | 'up' }>,
  work: Applying,
  release: Release | undefined,
): Promise<void> {
  const { settings, mode } = work;
  const again = upTarget(mode);
  switch (step.do) {
    case 'build':
      await work.build();
      return assertReadsData(settings, databaseImage(settings));
    case 'name image':
      await must($`docker tag ${step.id} ${step.name}`, again);
      return;
    case 'leave':
      return leaveMode(step.mode, work);
    case 'rename':
      sayWarning(`${step.name} gets its name back: ${step.to}`);
      await must($`docker rename ${step.id} ${step.to}`, again);
      return;
    case 'remove':
      sayWarning(`${step.name} ${step.why}: it is removed, and made anew where it is missed`);
      await must($`docker stop ${step.id}`, again);
      await must($`docker rm -v ${step.id}`, again);
      return;
    case 'unpause':
      sayWarning(`${step.name} was paused and goes on`);
      await must($`docker unpause ${step.id}`, again);
      return;
    case 'join':
      sayWarning(`${step.name} is connected to the network ${step.network} again`);
      await mustRun(
        [
          'docker',
          'network',
          'connect',
          ...step.aliases.flatMap((alias) => ['--alias', alias]),
          step.network,
          step.id,
        ],
        again,
      );
      return;
    case 'finish':
      return completeInterrupted(settings, mustKnow(release));
    case 'await':
      say(`  ${step.names.join(', ')}: replaced some seconds ago, and on the way out`);
      // Unless somebody has removed the one that took its place: then it goes on.
      await removeLeftovers(settings);
      return untilGone(settings);
    case 'tidy':
      return removeLeftovers(settings);
  }
}

async function leaveMode(other: Mode, { settings, mode }: Applying): Promise<void> {
  say(`Stopping ${other} mode; its data stay.`);
  await stopLeftovers(settings);
  await mustRun(composeArgv(other, settings, ['down']), `${upTarget(mode)} SWITCH=1`, {
    cwd: ROOT,
    env: composeEnv(other, settings),
  });
}

/** @param isNew the release was not deployed before, which the history is told */
async function bringUp(release: Release, isNew: boolean, work: Applying): Promise<ContainerInfo[]> {
  const { settings, mode } = work;
  const up = () => composeUp(release, work);
  const containers = await (isNew ? recordChange(settings.prefix, upTarget(mode), null, release, up) : up());
  await noteProven(settings.prefix);
  return containers;
}

/** Starts or updates the containers and shows their way to health. */
async function composeUp(
  release: Release,
  { mode, settings, env, timeoutMs }: Applying,
): Promise<ContainerInfo[]> {
  const variables = await prepareCompose(mode, settings, env, release);
  const done = new AbortController();
  const starting = run(upArgv(mode, settings), { cwd: ROOT, env: variables });
  const watching = waitHealthy(settings, timeoutMs, { after: starting, signal: done.signal });
  watching.catch(() => undefined);
  const { exitCode, stderr } = await starting;
  if (exitCode === 0 || (await allRun(settings))) return watching;
  done.abort();
  const said = stderr.trim().split('\n').slice(-3).join('\n    ');
  throw (
    explainRefusal(stderr) ??
    new DescribedError(
      `docker compose up failed (exit ${exitCode}): ${said}`,
      'fix what it says, then run the same command again',
    )
  );
}

/** Compose failed, and the engine has started all the same what there is to start: their health tells why. */
async function allRun(settings: StackSettings): Promise<boolean> {
  const containers = await inspectStack(settings);
  const runs = containers.filter(({ state }) => state === 'running' || state === 'restarting');
  return runs.length === SERVICES.length;
}
