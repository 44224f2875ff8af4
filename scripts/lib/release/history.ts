import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs';
import { userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { ROOT } from '../process/root.ts';
import { type Deployment, type HistoryLine, parseHistory, type Release } from '../stack/release.ts';

/** The folder of what a stack remembers between commands. */
export function stateDir(prefix: string): string {
  return join(ROOT, 'deploy/state', prefix);
}

function historyPath(prefix: string): string {
  return join(stateDir(prefix), 'history.jsonl');
}

/** Who deployed what, the oldest first; nothing on a stack that never was up. */
export function readHistory(prefix: string): Deployment[] {
  try {
    return parseHistory(readFileSync(historyPath(prefix), 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/**
 * Writes down a change from its beginning to its end, whichever that is; a change that is killed has no end.
 * @param command as its user knows it
 */
export async function recordChange<T>(
  prefix: string,
  command: string,
  from: Release | null,
  to: Release,
  change: () => Promise<T>,
): Promise<T> {
  const id = `${Date.now().toString(36)}-${process.pid}`;
  const at = () => new Date().toISOString();
  append(prefix, { event: 'began', id, at: at(), who: whoami(), command, from, to });
  let result: T;
  try {
    result = await change();
  } catch (error) {
    const reason = (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? '';
    append(prefix, { event: 'ended', id, at: at(), outcome: 'failed', reason });
    throw error;
  }
  append(prefix, { event: 'ended', id, at: at(), outcome: 'done' });
  return result;
}

/** Appended in one write and on the disk before anything follows from it. A line that was cut off is closed first. */
function append(prefix: string, line: HistoryLine): void {
  const path = historyPath(prefix);
  mkdirSync(dirname(path), { recursive: true });
  const file = openSync(path, 'a');
  try {
    writeSync(file, `\n${JSON.stringify(line)}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

function whoami(): string {
  const { username } = userInfo();
  return process.env.SUDO_USER ? `${process.env.SUDO_USER} (as ${username})` : username;
}
