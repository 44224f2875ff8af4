import { setImmediate as turn } from 'node:timers/promises';
import { sortInTurns } from './sort-in-turns.ts';

/** Where in a gene a word stands; what tells more has the higher number. */
export const places = { disease: 0, name: 1, alias: 2, symbol: 3 } as const;
type Place = (typeof places)[keyof typeof places];

/** The words of one gene, each with the most telling place where it stands. */
export type Document = Map<string, Place>;

/** Puts words into a document. */
export function addWords(document: Document, words: readonly string[], place: Place): void {
  for (const word of words) if ((document.get(word) ?? -1) < place) document.set(word, place);
}

/** An entry says who has a word and where: `slot * 4 + place`. */
export const slotOf = (entry: number): number => entry >>> 2;
export const placeOf = (entry: number): number => entry & 3;

/** All words in order, and who has them: the entries of all words with one beginning lie side by side. */
export class Postings {
  readonly words: readonly string[];
  /** The entries of word n are those from starts[n] up to starts[n + 1]. */
  readonly #starts: Uint32Array;
  readonly #entries: Uint32Array;

  constructor(words: readonly string[], starts: Uint32Array, entries: Uint32Array) {
    this.words = words;
    this.#starts = starts;
    this.#entries = entries;
  }

  static readonly empty = new Postings([], new Uint32Array(1), new Uint32Array(0));

  entriesOf(word: string): Uint32Array {
    const at = this.#find(word);
    return this.words[at] === word ? this.#slice(at, at + 1) : this.#slice(0, 0);
  }

  /** Of all words with that beginning; a gene may be there several times. */
  entriesBeginning(beginning: string): Uint32Array {
    return this.#slice(this.#find(beginning), this.#find(`${beginning}\uffff`));
  }

  /** How many genes have word number n. */
  count(n: number): number {
    return (this.#starts[n + 1] ?? 0) - (this.#starts[n] ?? 0);
  }

  #slice(from: number, to: number): Uint32Array {
    return this.#entries.subarray(this.#starts[from], this.#starts[to]);
  }

  /** Number of the first word that is not before the text. */
  #find(text: string): number {
    let [low, high] = [0, this.words.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.words[middle] ?? '') < text) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Gathers documents for Postings. */
export class PostingsBuilder {
  readonly #numbers = new Map<string, number>();
  /** By turns the number of a word and an entry. */
  readonly #tokens: number[] = [];

  add(slot: number, document: Document): void {
    for (const [word, place] of document) {
      let number = this.#numbers.get(word);
      if (number === undefined) {
        number = this.#numbers.size;
        this.#numbers.set(word, number);
      }
      this.#tokens.push(number, slot * 4 + place);
    }
  }

  async build(): Promise<Postings> {
    const sorted = await sortInTurns([...this.#numbers.keys()]);
    const ranks = new Uint32Array(sorted.length);
    for (const [rank, word] of sorted.entries()) ranks[this.#numbers.get(word) ?? 0] = rank;
    await turn();
    const tokens = this.#tokens;
    const starts = new Uint32Array(sorted.length + 1);
    for (let at = 0; at < tokens.length; at += 2) count(starts, (ranks[tokens[at] ?? 0] ?? 0) + 1);
    for (let n = 1; n < starts.length; n += 1) starts[n] = (starts[n] ?? 0) + (starts[n - 1] ?? 0);
    await turn();
    const next = starts.slice();
    const entries = new Uint32Array(tokens.length / 2);
    for (let at = 0; at < tokens.length; at += 2)
      entries[count(next, ranks[tokens[at] ?? 0] ?? 0)] = tokens[at + 1] ?? 0;
    return new Postings(sorted.join(' ').split(' '), starts, entries);
  }
}

/** @returns the number that was there */
function count(numbers: Uint32Array, at: number): number {
  const before = numbers[at] ?? 0;
  numbers[at] = before + 1;
  return before;
}
