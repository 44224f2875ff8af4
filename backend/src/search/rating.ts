import { type Postings, placeOf, slotOf } from './postings.ts';
import type { Operand } from './terms.ts';

/** What a word counts for, by where it stands: disease, name, alias, symbol. A whole word counts a little more than a beginning. */
const points = Uint8Array.of(2, 6, 12, 20);
const pointsOfWhole = 1;
const spareSlots = 1024;

/** How well genes fit a search, by slot. Used for one search after the other: made anew, it would be most of the collector's work. */
export class Rating {
  /** How many of the operands a gene has. */
  #counts = new Uint8Array(0);
  #points = new Uint16Array(0);
  /** Points of the operand that is looked at; all 0 between two. */
  #best = new Uint8Array(0);

  /** Forgets the last search. @param size number of slots */
  clear(size: number): void {
    if (this.#counts.length < size) {
      this.#counts = new Uint8Array(size + spareSlots);
      this.#points = new Uint16Array(size + spareSlots);
      this.#best = new Uint8Array(size + spareSlots);
    }
    this.#counts.fill(0);
    this.#points.fill(0);
  }

  count(slot: number): number {
    return this.#counts[slot] ?? 0;
  }

  points(slot: number): number {
    return this.#points[slot] ?? 0;
  }

  /** Rates what has all the operands, beginning with the one that the fewest have. @returns slots, those of old versions among them */
  rateStrictly(operands: readonly Operand[], words: readonly Postings[]): number[] {
    const lists = operands
      .map((operand) => listEntries(operand, words))
      .sort((a, b) => amountOf(a) - amountOf(b));
    let found: number[] = [];
    for (const [round, entries] of lists.entries()) found = this.#rate(entries, round);
    return found;
  }

  /** Rates what has any of the operands. */
  rateLoosely(operands: readonly Operand[], words: readonly Postings[]): void {
    for (const operand of operands) this.#rate(listEntries(operand, words), 0);
  }

  /** @param least only what has had so many operands before is looked at. @returns the slots of what has this one */
  #rate(lists: readonly Entries[], least: number): number[] {
    const [counts, sums, best] = [this.#counts, this.#points, this.#best];
    const touched: number[] = [];
    for (const { entries, more } of lists) {
      for (let at = 0; at < entries.length; at += 1) {
        const entry = entries[at] as number;
        const slot = slotOf(entry);
        if ((counts[slot] as number) < least) continue;
        const worth = (points[placeOf(entry)] as number) + more;
        const before = best[slot] as number;
        if (before === 0) touched.push(slot);
        if (worth > before) best[slot] = worth;
      }
    }
    for (const slot of touched) {
      counts[slot] = (counts[slot] as number) + 1;
      sums[slot] = (sums[slot] as number) + (best[slot] as number);
      best[slot] = 0;
    }
    return touched;
  }
}

/** Entries that count the same but for where a word stands. */
interface Entries {
  entries: Uint32Array;
  more: number;
}

function listEntries({ words, areBeginnings }: Operand, segments: readonly Postings[]): Entries[] {
  return segments.flatMap((segment) =>
    words.flatMap((word) => [
      ...(areBeginnings ? [{ entries: segment.entriesBeginning(word), more: 0 }] : []),
      { entries: segment.entriesOf(word), more: pointsOfWhole },
    ]),
  );
}

function amountOf(lists: readonly Entries[]): number {
  return lists.reduce((sum, { entries }) => sum + entries.length, 0);
}
