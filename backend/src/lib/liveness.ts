import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';

/** As many as the engine takes to call a container unhealthy. */
const maxSilentProbes = 3;

/**
 * Keeps count of the probes in a row that a server left without any answer.
 *
 * @param before the count so far; null when the server has not answered since it started
 * @param answered whether anything came back this time, an error included
 * @returns the new count, and whether the server is to be ended: one that has yet to answer is still starting
 */
export function countSilence(
  before: number | null,
  answered: boolean,
): { silent: number | null; end: boolean } {
  if (answered) return { silent: 0, end: false };
  if (before === null) return { silent: null, end: false };
  return { silent: before + 1, end: before + 1 >= maxSilentProbes };
}

/** Reads the count; the file is on the container's tmpfs, which is new with every start. */
export function readSilence(path: string): number | null {
  if (!existsSync(path)) return null;
  const count = Number(readFileSync(path, 'utf8'));
  return Number.isInteger(count) ? count : null;
}

/** Writes the count; none without a first answer. */
export function writeSilence(path: string, silent: number | null): void {
  if (silent !== null) writeFileSync(path, String(silent));
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
