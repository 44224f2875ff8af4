import { run } from '../process/shell.ts';
import { listStack } from '../stack/containers.ts';
import { findInterrupted, type Release } from '../stack/release.ts';
import type { StackSettings } from '../stack/stack.ts';
import { sayWarning } from '../terminal/report.ts';
import { isLeaving, retire } from './drain.ts';
import { readHistory } from './history.ts';
import { findNext } from './replace.ts';

/**
 * An update that was broken off may have left a container that is on its way out: it is stopped, so that `up` starts it
 * afresh, and meanwhile the one beside it answers.
 * @param release what is being brought up
 */
export async function completeInterrupted(settings: StackSettings, release: Release): Promise<void> {
  const interrupted = findInterrupted(readHistory(settings.prefix));
  if (!interrupted) return;
  sayWarning(`${interrupted.command} to ${interrupted.to.app} was interrupted: bringing ${release.app} up`);
  for (const container of await listStack(settings)) {
    if (await isLeaving(container)) await run(['docker', 'stop', container.id]);
  }
}

/** Removes what such an update left beside the services' own containers, which answer by now. */
export async function removeLeftovers(settings: StackSettings): Promise<void> {
  for (const leftover of await findNext(settings)) await retire(settings, leftover);
}

/** Stops and removes them together with the stack: Compose takes them for commands of somebody's own. */
export async function stopLeftovers(settings: StackSettings): Promise<void> {
  for (const { id } of await findNext(settings)) {
    await run(['docker', 'stop', id]);
    await run(['docker', 'rm', '-f', '-v', id]);
  }
}
