import { readdirSync, readFileSync } from 'node:fs';

/** A server that could answer and does not for this long is hung. */
export const maxSilentMs = 4500;
/** One turn of the event loop takes milliseconds of CPU; one that took this much never ends. */
export const maxTurnMs = 3000;

/**
 * How long a server has been silent by its own fault.
 *
 * @param passedMs since it was asked first
 * @param waitedMs of which it waited for a CPU: on a host that is busy beyond its CPUs that is no silence of its own
 */
export function countSilence(passedMs: number, waitedMs: number): { silentMs: number; hung: boolean } {
  const silentMs = Math.max(0, passedMs - waitedMs);
  return { silentMs, hung: silentMs >= maxSilentMs };
}

/** How much CPU the turn of an event loop that is under way has taken, judged by beats that each turn lets through. */
export class TurnMeter {
  #beat = -1;
  #ranMs = 0;

  /**
   * @param beat a number that changes when the loop turns
   * @param ranMs CPU that its thread has taken so far
   * @returns what it has taken since the beat was first seen
   */
  measure(beat: number, ranMs: number): number {
    if (beat !== this.#beat) {
      this.#beat = beat;
      this.#ranMs = ranMs;
    }
    return ranMs - this.#ranMs;
  }
}

/**
 * How long the first thread of a process has run on a CPU and waited for one since it started, in ms (schedstat, proc(5)).
 *
 * @returns 0 where the kernel does not say
 */
export function readSchedule(pid: number): { ranMs: number; waitedMs: number } {
  try {
    const [ran, waited] = readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ');
    return { ranMs: Number(ran) / 1e6 || 0, waitedMs: Number(waited) / 1e6 || 0 };
  } catch {
    return { ranMs: 0, waitedMs: 0 };
  }
}

/** A line of the log for what ends a server, in its format (LOG_FORMAT). */
export function formatEnd(msg: string): string {
  const time = new Date().toISOString();
  const text = process.env.LOG_FORMAT?.toLowerCase() === 'text';
  return `${text ? `${time} ERROR ${msg}` : JSON.stringify({ level: 'error', time, msg })}\n`;
}

/**
 * Finds the process of the server among those of the container.
 *
 * @param program path of its script, as its command line has it
 */
export function findServer(program: string): number | undefined {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.map(Number).find((pid) => {
    try {
      const [command = '', ...args] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
      return /(^|\/)node$/.test(command) && args.includes(program);
    } catch {
      // Ended meanwhile.
      return false;
    }
  });
}
