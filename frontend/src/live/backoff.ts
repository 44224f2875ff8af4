const BASE_MS = 1_000;
const CAP_MS = 30_000;

/**
 * How long to wait before the next try to connect: doubling from one second up to thirty, of which a random half is
 * taken off so that a thousand open pages do not come back in the same instant.
 * @param attempt tries that failed so far, from 0
 * @param random a number in [0, 1)
 * @param floorMs the least to wait, for a server that asked for quiet
 * @returns milliseconds
 */
export function backoffMs(attempt: number, random: number, floorMs = 0): number {
  const ceiling = Math.min(CAP_MS, Math.max(floorMs, BASE_MS) * 2 ** Math.min(attempt, 16));
  return Math.round(ceiling * (0.5 + random / 2));
}
