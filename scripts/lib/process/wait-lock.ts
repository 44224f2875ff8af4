import { setTimeout as sleep } from 'node:timers/promises';
import { DescribedError } from './errors.ts';
import { lockStack } from './lock.ts';

const WAIT_MS = 15 * 60_000;
const held = new Set<string>();

/**
 * Takes a lock for the life of this process; waits while another process has it, because the other does the same work.
 * @param name of what is locked on this host
 * @param command as its user knows it
 * @param tell takes the one line that says whom this waits for
 * @throws DescribedError that names the holder, after 15 minutes
 */
export async function waitForLock(
  name: string,
  command: string,
  tell: (line: string) => void,
): Promise<void> {
  if (held.has(name)) return;
  const until = Date.now() + WAIT_MS;
  for (let said = false; ; said = true) {
    try {
      lockStack(name, command);
      held.add(name);
      return;
    } catch (error) {
      if (!(error instanceof DescribedError) || Date.now() > until) throw error;
      if (!said) tell(`  Waiting: ${error.message}`);
      await sleep(500);
    }
  }
}
