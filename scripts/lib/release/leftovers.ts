import { run } from '../process/shell.ts';
import { listProject } from '../stack/containers.ts';
import { findInterrupted, type Release } from '../stack/release.ts';
import type { StackSettings } from '../stack/stack.ts';
import { sayWarning } from '../terminal/report.ts';
import { readHistory } from './history.ts';
import { settleService } from './replace.ts';
import { REPLACED_SERVICES } from './replace-argv.ts';

/**
 * An update that was broken off may have left a service with two containers: one stays, under the service's name.
 * @param release what is being brought up
 */
export async function completeInterrupted(settings: StackSettings, release: Release): Promise<void> {
  const interrupted = findInterrupted(readHistory(settings.prefix));
  if (!interrupted) return;
  sayWarning(`${interrupted.command} to ${interrupted.to.app} was interrupted: bringing ${release.app} up`);
  await removeLeftovers(settings);
}

/** Removes what such an update left beside the proper containers. */
export async function removeLeftovers(settings: StackSettings): Promise<void> {
  for (const service of REPLACED_SERVICES) await settleService(settings, service);
}

/** Stops and removes them together with the stack: Compose takes a trial for a command of somebody's own. */
export async function stopLeftovers(settings: StackSettings): Promise<void> {
  const { oneOffs, strays, former } = await listProject(settings);
  for (const { id } of [...oneOffs, ...strays, ...former]) {
    await run(['docker', 'stop', id]);
    await run(['docker', 'rm', '-f', '-v', id]);
  }
}
