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

/**
 * How long to wait before the next try of what is likely to come soon: a tenth of the time waited so far, from 50 ms to 5 s,
 * spread likewise. So a start is held up by a tenth at most, and a long outage costs few tries.
 *
 * @param waitedMs since the first try
 * @param random from 0 to 1
 * @returns milliseconds
 */
export function retryPauseMs(waitedMs: number, random: number = Math.random()): number {
  const ceiling = Math.min(5000, Math.max(50, waitedMs / 10));
  return Math.round(ceiling * (0.5 + random / 2));
}
