import type { Readable } from 'node:stream';
import { Problem } from '../lib/problem.ts';

/** An export that runs. */
export interface Slot {
  client: string;
  since: number;
  /** Set once it has begun to be read; breaking it off gives its connection back. */
  text: Readable | null;
}

/**
 * Each export holds a connection while it is read, so that only some run at once. One network never has the last place, and who
 * reads slowly makes room for those who come: a handful of readers that read nothing would keep all others out.
 */
export class ExportSlots {
  readonly #running = new Set<Slot>();
  readonly #most: number;

  readonly #undisturbedMs: number;

  /** @param most exports at once */
  constructor(most: number, undisturbedMs = 10_000) {
    this.#most = most;
    this.#undisturbedMs = undisturbedMs;
  }

  /**
   * Takes a place.
   *
   * @param client see clientNetwork
   * @throws Problem 503 when there is none
   */
  take(client: string): Slot {
    const running = [...this.#running];
    const own = running.filter((slot) => slot.client === client);
    const isFull = running.length >= this.#most;
    if (isFull || own.length >= Math.max(1, this.#most - 1)) {
      const slow = (isFull ? running : own).find((slot) => this.#isSlow(slot));
      if (!slow)
        throw new Problem('overloaded', 'Too many exports are running.', {
          headers: { 'retry-after': '10' },
        });
      this.#breakOff(slow);
    }
    const slot = { client, since: performance.now(), text: null };
    this.#running.add(slot);
    return slot;
  }

  /** Gives a place back. */
  leave(slot: Slot): void {
    this.#running.delete(slot);
  }

  #breakOff(slot: Slot): void {
    this.leave(slot);
    slot.text?.destroy(new Error('made room for another export'));
  }

  /** Whether text waits to be read, and the export had its time. */
  #isSlow({ since, text }: Slot): boolean {
    return text !== null && performance.now() - since > this.#undisturbedMs && text.readableLength > 0;
  }
}
