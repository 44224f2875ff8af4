import type { Selection } from '../genes/selection.ts';
import type { Gene } from '../schemas/gene.ts';
import { type Count, type FacetedGene, Facets, type Overview } from './facets.ts';
import { compactText, foldWords } from './fold.ts';
import { addWords, type Document, Postings, PostingsBuilder, placeOf, places, slotOf } from './postings.ts';
import { type SimilarWord, SimilarWords } from './similar-words.ts';
import { sortInTurns } from './sort-in-turns.ts';
import { type Operand, readOperands, type Vocabulary } from './terms.ts';

/** The columns of a gene that the index is made of. */
export type IndexedGene = FacetedGene & Pick<Gene, 'hgncId' | 'symbol' | 'name' | 'aliases'>;

/** A gene as it is now; null when it is gone. */
export interface ChangedGene {
  hgncId: string;
  gene: IndexedGene | null;
}

/** What a word counts for, by where it stands: disease, name, alias, symbol. A whole word counts a little more than a beginning. */
const points = [2, 6, 12, 20] as const;
const pointsOfWhole = 1;
/** Before all points: what the text as a whole is to the gene. */
const levels = { symbol: 3, alias: 2, beginning: 1 } as const;
const pointsOfLevel = 256;
const spareSlots = 1024;

/** Words and keys of some genes. */
interface Segment {
  words: Postings;
  /** Symbols and aliases without what separates their parts. */
  keys: Postings;
  similar: SimilarWords;
}

/** How well genes fit a search, by slot. */
class Rating {
  operands = 0;
  /** How many operands a gene has. */
  readonly counts: Uint8Array;
  readonly points: Uint16Array;
  readonly levels: Uint8Array;
  /** The points of the operand that is looked at; all 0 between two. */
  readonly best: Uint8Array;

  constructor(size: number) {
    this.counts = new Uint8Array(size);
    this.points = new Uint16Array(size);
    this.levels = new Uint8Array(size);
    this.best = new Uint8Array(size);
  }

  clear(): void {
    for (const column of [this.counts, this.points, this.levels]) column.fill(0);
  }
}

interface IndexedDocument {
  slot: number;
  words: Document;
  keys: Document;
}

/**
 * Finds, filters, sorts and counts genes in memory: any question costs a few passes over numbers, however its words are chosen.
 * Each version of a gene gets a slot of its own. Genes that changed since the index was built stand in a small segment beside
 * the large one, which is never changed.
 */
export class GeneIndex implements Vocabulary {
  readonly #ids: string[] = [];
  readonly #symbols: string[] = [];
  readonly #names: string[] = [];
  readonly #slots = new Map<string, number>();
  readonly #facets = new Facets();
  /** Live slots by symbol, and by name and symbol. */
  #bySymbol: number[] = [];
  #byName: number[] = [];
  /** Places of the names among the different ones, by slot; null when they have to be found anew. */
  #nameRanks: number[] | null = null;
  #built: Segment = emptySegment();
  #changed: Segment = emptySegment();
  /** Slots of genes that have changed or gone: their words are still in the large segment. */
  readonly #dead = new Set<number>();
  /** Used again and again: made anew for each search, it would be most of the collector's work. */
  #rating = new Rating(0);
  readonly #changedDocuments = new Map<string, IndexedDocument>();

  /** @param genes by symbol in upper case, as PostgreSQL's collation "C" sorts */
  static async build(genes: AsyncIterable<IndexedGene>): Promise<GeneIndex> {
    const index = new GeneIndex();
    const [words, keys] = [new PostingsBuilder(), new PostingsBuilder()];
    for await (const gene of genes) {
      const document = index.#take(gene);
      words.add(document.slot, document.words);
      keys.add(document.slot, document.keys);
    }
    index.#built = await buildSegment(words, keys);
    index.#bySymbol = index.#ids.map((_id, slot) => slot);
    for (const [slot, id] of index.#ids.entries()) index.#slots.set(id, slot);
    const sorted = await sortInTurns(
      index.#names.map((name, slot) => `${name}\0${String(slot).padStart(9, '0')}`),
    );
    index.#byName = sorted.map((text) => Number(text.slice(-9)));
    return index;
  }

  get size(): number {
    return this.#bySymbol.length;
  }

  /** How many genes changed since the index was built: with many of them it is better built anew. */
  get changes(): number {
    return this.#changedDocuments.size;
  }

  /** Takes over how genes are now. Until it is done, the index answers as before. */
  async apply(changes: readonly ChangedGene[]): Promise<void> {
    const documents = new Map(this.#changedDocuments);
    for (const { hgncId, gene } of changes) {
      if (gene === null) documents.delete(hgncId);
      else documents.set(hgncId, this.#take(gene));
    }
    const [words, keys] = [new PostingsBuilder(), new PostingsBuilder()];
    for (const document of documents.values()) {
      words.add(document.slot, document.words);
      keys.add(document.slot, document.keys);
    }
    this.#changed = await buildSegment(words, keys);
    this.#changedDocuments.clear();
    for (const { hgncId } of changes) this.#drop(hgncId);
    for (const [hgncId, document] of documents) this.#changedDocuments.set(hgncId, document);
    for (const { hgncId, gene } of changes)
      if (gene !== null) this.#place(hgncId, documents.get(hgncId)?.slot ?? 0);
    this.#nameRanks = null;
  }

  /**
   * Lists a selection in its order.
   *
   * @returns ids of the genes from `offset` on, at most `limit`, and how many there are in all
   */
  list(selection: Selection, offset: number, limit: number): { ids: string[]; total: number } {
    const passes = this.#facets.filter(selection);
    const rating = selection.q === null ? null : this.#rate(selection.q);
    const slots = rating === null ? this.#bySymbol.filter(passes) : this.#choose(rating, passes);
    const sorted = this.#sort(slots, selection.sort, rating).slice(offset, offset + limit);
    return { ids: Array.from(sorted, (slot) => this.#ids[slot] ?? ''), total: slots.length };
  }

  /** Counts all genes. */
  summarize(): Overview {
    return this.#facets.summarize(this.#bySymbol);
  }

  /** The groups that have genes. */
  countGroups(): Count[] {
    return this.#facets.countGroups(this.#bySymbol);
  }

  hasBeginning(word: string): boolean {
    return this.#segments.some(({ words }) => this.#hasLive(words.entriesBeginning(word)));
  }

  findSimilar(word: string): SimilarWord[] {
    return this.#segments.flatMap(({ words, similar }) =>
      similar.find(word).filter((one) => this.#hasLive(words.entriesOf(one.word))),
    );
  }

  get #segments(): Segment[] {
    return [this.#built, this.#changed];
  }

  #hasLive(entries: Uint32Array): boolean {
    return entries.some((entry) => !this.#dead.has(slotOf(entry)));
  }

  /** Puts a gene into a slot; it is not listed before it has been placed. */
  #take(gene: IndexedGene): IndexedDocument {
    const slot = this.#ids.push(gene.hgncId) - 1;
    this.#symbols.push(gene.symbol.toUpperCase());
    this.#names.push(gene.name.toLowerCase());
    this.#facets.add(gene);
    return { slot, words: wordsOf(gene), keys: keysOf(gene) };
  }

  #place(hgncId: string, slot: number): void {
    const [symbols, names] = [this.#symbols, this.#names];
    insert(this.#bySymbol, slot, (a, b) => compare(symbols[a], symbols[b]));
    insert(this.#byName, slot, (a, b) => compare(names[a], names[b]) || compare(symbols[a], symbols[b]));
    this.#slots.set(hgncId, slot);
  }

  #drop(hgncId: string): void {
    const slot = this.#slots.get(hgncId);
    if (slot === undefined) return;
    for (const order of [this.#bySymbol, this.#byName]) order.splice(order.indexOf(slot), 1);
    this.#slots.delete(hgncId);
    this.#dead.add(slot);
  }

  /** @returns what is good until the next search */
  #rate(text: string): Rating {
    const size = this.#ids.length;
    if (this.#rating.counts.length < size) this.#rating = new Rating(size + spareSlots);
    const rating = this.#rating;
    rating.clear();
    const operands = readOperands(text, this);
    rating.operands = operands.length;
    for (const operand of operands) this.#rateOperand(operand, rating);
    for (const { keys } of this.#segments) rateKey(compactText(text), keys, rating.levels);
    return rating;
  }

  #rateOperand({ words, areBeginnings }: Operand, { counts, points: sums, best }: Rating): void {
    const touched: number[] = [];
    const note = (entries: Uint32Array, more: number) => {
      for (const entry of entries) {
        const slot = slotOf(entry);
        const worth = (points[placeOf(entry)] ?? 0) + more;
        if (best[slot] === 0) touched.push(slot);
        if (worth > (best[slot] ?? 0)) best[slot] = worth;
      }
    };
    for (const segment of this.#segments) {
      for (const word of words) {
        if (areBeginnings) note(segment.words.entriesBeginning(word), 0);
        note(segment.words.entriesOf(word), pointsOfWhole);
      }
    }
    for (const slot of touched) {
      counts[slot] = (counts[slot] ?? 0) + 1;
      sums[slot] = (sums[slot] ?? 0) + (best[slot] ?? 0);
      best[slot] = 0;
    }
  }

  /** Who is meant by the text as a whole, and who has as many of its words as any gene has. @returns slots by symbol */
  #choose({ operands, counts, levels: wholes }: Rating, passes: (slot: number) => boolean): number[] {
    const isMeant = (slot: number) => (wholes[slot] ?? 0) >= levels.alias;
    const found = this.#bySymbol.filter((slot) => ((counts[slot] ?? 0) > 0 || isMeant(slot)) && passes(slot));
    let most = 1;
    for (const slot of found) most = Math.max(most, isMeant(slot) ? operands : (counts[slot] ?? 0));
    return found.filter((slot) => isMeant(slot) || counts[slot] === most);
  }

  #sort(slots: number[], sort: Selection['sort'], rating: Rating | null): ArrayLike<number> & Sliced {
    if (sort === '-symbol') return slots.reverse();
    if (sort === 'symbol' || (sort === 'relevance' && rating === null)) return slots;
    if (sort === 'relevance' && rating !== null) {
      const { levels: wholes, points: sums } = rating;
      return sortBy(slots, (slot) => -((wholes[slot] ?? 0) * pointsOfLevel + (sums[slot] ?? 0)));
    }
    const name = sort.replace('-', '') as 'name' | 'chromosome' | 'group' | 'evidence';
    const ranks = name === 'name' ? this.#rankNames() : null;
    const key = name === 'name' ? (slot: number) => ranks?.[slot] ?? 0 : this.#facets.key(name);
    return sortBy(slots, sort.startsWith('-') ? (slot) => -key(slot) : key);
  }

  #rankNames(): number[] {
    if (this.#nameRanks !== null) return this.#nameRanks;
    const ranks: number[] = new Array<number>(this.#ids.length).fill(0);
    let rank = 0;
    for (const [at, slot] of this.#byName.entries()) {
      if (at > 0 && this.#names[slot] !== this.#names[this.#byName[at - 1] ?? 0]) rank += 1;
      ranks[slot] = rank;
    }
    this.#nameRanks = ranks;
    return ranks;
  }
}

interface Sliced {
  slice(from: number, to: number): ArrayLike<number>;
}

/** Sorts by whole numbers, in as many steps as there are slots and different numbers; equal ones stay as they are. */
function sortBy(slots: readonly number[], key: (slot: number) => number): Uint32Array {
  let [low, high] = [0, 0];
  for (const slot of slots) {
    const value = key(slot);
    if (value < low) low = value;
    if (value > high) high = value;
  }
  const next = new Uint32Array(high - low + 2);
  for (const slot of slots) {
    const at = key(slot) - low + 1;
    next[at] = (next[at] ?? 0) + 1;
  }
  for (let at = 1; at < next.length; at += 1) next[at] = (next[at] ?? 0) + (next[at - 1] ?? 0);
  const sorted = new Uint32Array(slots.length);
  for (const slot of slots) {
    const at = key(slot) - low;
    const place = next[at] ?? 0;
    sorted[place] = slot;
    next[at] = place + 1;
  }
  return sorted;
}

function rateKey(key: string, keys: Postings, found: Uint8Array): void {
  if (key === '') return;
  const note = (entries: Uint32Array, rate: (entry: number) => number) => {
    for (const entry of entries) {
      const slot = slotOf(entry);
      found[slot] = Math.max(found[slot] ?? 0, rate(entry));
    }
  };
  note(keys.entriesBeginning(key), (entry) => (placeOf(entry) === places.symbol ? levels.beginning : 0));
  note(keys.entriesOf(key), (entry) => (placeOf(entry) === places.symbol ? levels.symbol : levels.alias));
}

function wordsOf({ symbol, hgncId, aliases, name, diseases }: IndexedGene): Document {
  const document: Document = new Map();
  addWords(document, foldWords(`${symbol} ${hgncId}`), places.symbol);
  addWords(document, foldWords(aliases.join(' ')), places.alias);
  addWords(document, foldWords(name), places.name);
  for (const disease of diseases) {
    const { omimId, orphaId, inheritance } = disease;
    addWords(
      document,
      foldWords(`${disease.name} ${omimId ?? ''} ${orphaId ?? ''} ${inheritance.join(' ')}`),
      places.disease,
    );
  }
  return document;
}

function keysOf({ symbol, aliases }: IndexedGene): Document {
  const document: Document = new Map();
  addWords(document, [compactText(symbol)], places.symbol);
  addWords(
    document,
    aliases.map(compactText).filter((key) => key !== ''),
    places.alias,
  );
  return document;
}

async function buildSegment(words: PostingsBuilder, keys: PostingsBuilder): Promise<Segment> {
  const built = await words.build();
  return { words: built, keys: await keys.build(), similar: new SimilarWords(built) };
}

function emptySegment(): Segment {
  return { words: Postings.empty, keys: Postings.empty, similar: new SimilarWords(Postings.empty) };
}

function compare(a = '', b = ''): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Puts a slot into an order, in front of the first that is not before it. */
function insert(order: number[], slot: number, compareSlots: (a: number, b: number) => number): void {
  let [low, high] = [0, order.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareSlots(order[middle] ?? 0, slot) < 0) low = middle + 1;
    else high = middle;
  }
  order.splice(low, 0, slot);
}
