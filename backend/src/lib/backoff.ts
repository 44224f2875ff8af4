/**
 * How long to wait before the next try: doubles from 250 ms to 5 s, and is spread so that several backends do not
 * try at the same moment.
 *
 * @param attempt number of tries that failed, from 1
 * @param random from 0 to 1
 * @returns milliseconds
 */
export function backoffMs(attempt: number, random: number = Math.random()): number {
  const ceiling = Math.min(5000, 250 * 2 ** Math.min(attempt - 1, 10));
  return Math.round(ceiling * (0.5 + random / 2));
}
