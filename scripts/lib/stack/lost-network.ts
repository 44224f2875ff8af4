import type { ContainerInfo } from '../docker/containers.ts';
import { mustRun } from '../process/shell.ts';
import { sayWarning } from '../terminal/report.ts';
import { findLostNetwork } from './network-rules.ts';
import { type StackSettings, upTarget } from './stack.ts';

/**
 * Removes what the engine cannot start, or what runs out of reach: Compose would leave it so, and makes it anew when it is gone.
 * @param ids of the stack's networks that are there
 */
export async function removeLost(
  settings: StackSettings,
  containers: readonly ContainerInfo[],
  ids: ReadonlyMap<string, string>,
): Promise<void> {
  for (const container of containers) {
    const lost = findLostNetwork(container, settings, ids);
    if (!lost) continue;
    sayWarning(`${container.name} is not on the network ${lost} that is there now: it is made anew`);
    await mustRun(['docker', 'stop', container.id], upTarget(container.mode));
    await mustRun(['docker', 'rm', '-v', container.id], upTarget(container.mode));
  }
}
