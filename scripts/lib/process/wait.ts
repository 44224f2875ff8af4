import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Asks again and again.
 * @param ask gives undefined for as long as there is nothing
 * @param timeoutMs how long at the most; it is asked once at least
 * @param pauseMs between an answer and the next question
 * @returns what was found, or undefined when the time was over
 */
export async function waitUntil<T>(
  ask: () => Promise<T | undefined>,
  timeoutMs: number,
  pauseMs = 200,
): Promise<T | undefined> {
  for (const end = Date.now() + timeoutMs; ; await sleep(pauseMs)) {
    const found = await ask();
    if (found !== undefined || Date.now() >= end) return found;
  }
}
