import type { Postings } from './postings.ts';

/** A word that genes have, which resembles one that none has. */
export interface SimilarWord {
  word: string;
  /** One edit away. */
  near: boolean;
  /** From 0 to 1, by what the two have in common. */
  similarity: number;
  /** How many genes have it. */
  genes: number;
}

const longest = 64;
/** Three letters of five bits each. */
const trigrams = 32 ** 3;
/** As pg_trgm has them: of both words together, and of the asked one alone, which may not be finished yet. */
const leastSimilarity = 0.3;
const leastOfAsked = 0.6;

/** Whether a word can be misspelt: no bare number, nothing shorter than three characters. */
export function isCorrectable(word: string): boolean {
  return word.length > 2 && word.length <= longest && !/^\d+$/.test(word);
}

/**
 * Finds the words that resemble one: those one edit away, and, where both are words of letters alone, those with as many
 * trigrams in common. In a code such as a symbol one character more makes it another code, and all codes of a series
 * resemble each other.
 */
export class SimilarWords {
  readonly #postings: Postings;
  /** A bit for each character that a word has; 0 for what cannot be misspelt. */
  readonly #masks: Uint32Array;
  readonly #lengths: Uint8Array;
  /** Numbers of the words with trigram t: from #starts[t] up to #starts[t + 1]. */
  readonly #starts = new Uint32Array(trigrams + 1);
  readonly #spelt: Uint32Array;
  /** How many trigrams each word has; and how many of the asked word, while one is looked for. */
  readonly #amounts: Uint8Array;
  readonly #common: Uint8Array;

  constructor(postings: Postings) {
    const { words } = postings;
    this.#postings = postings;
    this.#masks = Uint32Array.from(words, (word) => (isCorrectable(word) ? maskOf(word) : 0));
    this.#lengths = Uint8Array.from(words, ({ length }) => Math.min(length, 255));
    this.#amounts = new Uint8Array(words.length);
    this.#common = new Uint8Array(words.length);
    this.#spelt = this.#listTrigrams(words);
  }

  /** In any order. */
  find(asked: string): SimilarWord[] {
    const { words } = this.#postings;
    const found = new Map<number, SimilarWord>();
    for (const at of this.#findNear(asked)) found.set(at, this.#describe(at, true, 1));
    if (isSpelt(asked)) {
      for (const [at, similarity] of this.#findAlike(asked)) {
        const near = found.has(at) || isOneEdit(asked, words[at] ?? '');
        found.set(at, this.#describe(at, near, similarity));
      }
    }
    return [...found.values()];
  }

  #describe(at: number, near: boolean, similarity: number): SimilarWord {
    return { word: this.#postings.words[at] ?? '', near, similarity, genes: this.#postings.count(at) };
  }

  #findNear(asked: string): number[] {
    const found: number[] = [];
    const mask = maskOf(asked);
    for (let at = 0; at < this.#masks.length; at += 1) {
      const other = this.#masks[at] ?? 0;
      // An edit adds or takes one character, or does both.
      const differing = mask ^ other;
      const rest = differing & (differing - 1);
      if (other === 0 || (rest & (rest - 1)) !== 0) continue;
      if (Math.abs((this.#lengths[at] ?? 0) - asked.length) > 1) continue;
      if (isOneEdit(asked, this.#postings.words[at] ?? '')) found.push(at);
    }
    return found;
  }

  #findAlike(asked: string): [at: number, similarity: number][] {
    const wanted = trigramsOf(asked);
    const touched: number[] = [];
    for (const trigram of wanted) {
      for (const at of this.#spelt.subarray(this.#starts[trigram], this.#starts[trigram + 1])) {
        if (this.#common[at] === 0) touched.push(at);
        this.#common[at] = (this.#common[at] ?? 0) + 1;
      }
    }
    const found: [number, number][] = [];
    for (const at of touched) {
      const common = this.#common[at] ?? 0;
      this.#common[at] = 0;
      const similarity = common / (wanted.size + (this.#amounts[at] ?? 0) - common);
      if (similarity >= leastSimilarity || common / wanted.size >= leastOfAsked) found.push([at, similarity]);
    }
    return found;
  }

  #listTrigrams(words: readonly string[]): Uint32Array {
    const pairs: number[] = [];
    for (const [at, word] of words.entries()) {
      if (!isSpelt(word)) continue;
      const own = trigramsOf(word);
      this.#amounts[at] = own.size;
      for (const trigram of own) {
        pairs.push(trigram, at);
        this.#starts[trigram + 1] = (this.#starts[trigram + 1] ?? 0) + 1;
      }
    }
    for (let t = 1; t <= trigrams; t += 1)
      this.#starts[t] = (this.#starts[t] ?? 0) + (this.#starts[t - 1] ?? 0);
    const next = this.#starts.slice();
    const spelt = new Uint32Array(pairs.length / 2);
    for (let pair = 0; pair < pairs.length; pair += 2) {
      const trigram = pairs[pair] ?? 0;
      const place = next[trigram] ?? 0;
      spelt[place] = pairs[pair + 1] ?? 0;
      next[trigram] = place + 1;
    }
    return spelt;
  }
}

function isSpelt(word: string): boolean {
  return isCorrectable(word) && !/\d/.test(word);
}

function maskOf(word: string): number {
  let mask = 0;
  for (let at = 0; at < word.length; at += 1) mask |= 1 << (word.charCodeAt(at) & 31);
  return mask >>> 0;
}

/** With two blanks in front and one behind, as pg_trgm makes them. */
function trigramsOf(word: string): Set<number> {
  const found = new Set<number>();
  let trigram = 0;
  for (let at = 0; at <= word.length; at += 1) {
    const code = at < word.length ? word.charCodeAt(at) & 31 : 0;
    trigram = ((trigram << 5) | code) & (trigrams - 1);
    found.add(trigram);
  }
  return found;
}

/** Whether one character more, less, replaced, or swapped with its neighbour makes one word the other. */
export function isOneEdit(a: string, b: string): boolean {
  let from = 0;
  while (from < a.length && from < b.length && a[from] === b[from]) from += 1;
  let [endA, endB] = [a.length, b.length];
  while (endA > from && endB > from && a[endA - 1] === b[endB - 1]) {
    endA -= 1;
    endB -= 1;
  }
  const [restA, restB] = [a.slice(from, endA), b.slice(from, endB)];
  if (restA.length < 2 && restB.length < 2) return restA !== restB;
  return restA.length === 2 && restB.length === 2 && restA[0] === restB[1] && restA[1] === restB[0];
}
