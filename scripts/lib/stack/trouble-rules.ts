/** What the engine tells of a container's life. */
export interface LifeEvent {
  id: string;
  action: string;
  /** Milliseconds since 1970. */
  at: number;
  exitCode: number;
}

/** What is read here of a container. */
export interface Patient {
  id: string;
  state: string;
  health: string;
  exitCode: number;
  oomKilled: boolean;
  /** When it last ended; before 1970 when it never did. */
  finishedAt: string;
  restarts: number;
  memoryLimit: number;
  /** A network that it should be on and is not. */
  lostNetwork?: string | undefined;
}

/** What is wrong with a container, or was a short time ago. */
export interface Trouble {
  /** Such as `out of memory`, for a person. */
  words: string[];
  /** It is not running well now: its last log lines are worth reading. */
  now: boolean;
}

/** Restarts that are told of, and that together make a loop. */
export const WATCHED_MS = 15 * 60_000;
const LOOP = 3;
/** What node exits with after `JavaScript heap out of memory`: SIGABRT. */
export const ABORTED = 134;

/**
 * Lists the ends of a container that nobody asked for: without a `kill` since it was started.
 * @param events of any containers, oldest first
 */
export function listDeaths(events: readonly LifeEvent[], id: string): LifeEvent[] {
  let asked = false;
  return events.filter((event) => {
    if (event.id !== id) return false;
    if (event.action === 'kill') asked = true;
    if (event.action === 'start') asked = false;
    return event.action === 'die' && !asked;
  });
}

/**
 * Names what is wrong with a container.
 * @param events of the last while
 * @param outOfMemory when the kernel or node said so of this container; milliseconds
 * @param ago gives a time span in words
 */
export function findTrouble(
  container: Patient,
  events: readonly LifeEvent[],
  outOfMemory: readonly number[],
  now: number,
  ago: (ms: number) => string,
): Trouble {
  const words: string[] = [];
  const deaths = listDeaths(events, container.id).filter(({ at }) => now - at <= WATCHED_MS);
  const oomAt = Math.max(
    ...outOfMemory,
    ...events.filter(({ id, action }) => id === container.id && action === 'oom').map(({ at }) => at),
    container.oomKilled ? Date.parse(container.finishedAt) : 0,
  );
  if (oomAt > 0) words.push(`out of memory ${ago(now - oomAt)} ago`);
  const running = container.state === 'running';
  const restarting = container.state === 'restarting';
  // The engine forgets events soon on a busy host, and never the number of restarts.
  const count = Math.max(deaths.length, restarting ? container.restarts : 0);
  const first = deaths[0]?.at;
  const within = first === undefined ? '' : ` in ${ago(now - first)}`;
  const exitCode = deaths.at(-1)?.exitCode ?? container.exitCode;
  if (count >= LOOP) words.push(`restart loop (${count} restarts${within}, last exit code ${exitCode})`);
  else if (count > 0)
    words.push(`restarted ${count === 1 ? 'once' : `${count} times`}${within}, exit code ${exitCode}`);
  if (container.state === 'paused') words.push('paused by hand');
  else if (!running && !restarting) words.push(`${container.state}, exit code ${container.exitCode}`);
  else if (container.health !== 'healthy') words.push(container.health);
  if (container.lostNetwork) words.push(`not on the network ${container.lostNetwork}`);
  const well = running && container.health === 'healthy' && !container.lostNetwork;
  return { words, now: !well };
}
