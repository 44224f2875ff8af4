import { readdirSync, readFileSync } from 'node:fs';

/** A server that could answer and does not for this long is hung. */
export const maxSilentMs = 4500;

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

/**
 * How long a process has waited for a CPU since it started, in ms (schedstat, proc(5)).
 *
 * @returns 0 where the kernel does not say
 */
export function readWaitedMs(pid: number): number {
  try {
    return Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[1]) / 1e6 || 0;
  } catch {
    return 0;
  }
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
