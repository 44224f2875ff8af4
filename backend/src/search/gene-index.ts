import type { Selection } from '../genes/selection.ts';
import type { Gene } from '../schemas/gene.ts';
import { type Count, type FacetedGene, Facets, type Overview } from './facets.ts';
import { compactText, foldWords } from './fold.ts';
import { addWords, type Document, Postings, PostingsBuilder, placeOf, places, slotOf } from './postings.ts';
import { Rating } from './rating.ts';
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

/** What the text of a search as a whole is to a gene; counts before all words. */
const levels = { symbol: 3, alias: 2, beginning: 1, nothing: 0 } as const;
const pointsOfLevel = 256;
/** Fewer than this are sorted by comparing them. */
const few = 1000;

/** Words and keys of some genes. */
interface Segment {
  words: Postings;
  /** Symbols and aliases without what separates their parts. */
  keys: Postings;
  similar: SimilarWords;
}

/** The genes of a search, and how they stand to it. */
interface Found {
  /** By symbol. */
  slots: number[];
  /** More is better. */
  relevance: (slot: number) => number;
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
  /** Symbols without what separates their parts. */
  readonly #keys: string[] = [];
  readonly #slots = new Map<string, number>();
  readonly #facets = new Facets();
  /** Live slots by symbol, and by name and symbol. */
  #bySymbol: number[] = [];
  #byName: number[] = [];
  /** Places of the names among the different ones, by slot; null when they have to be found anew. */
  #nameRanks: number[] | null = null;
  #built: Segment = emptySegment();
  #builtSlots = 0;
  #changed: Segment = emptySegment();
  /** Slots of genes that have changed or gone: their words are still in the large segment. */
  readonly #dead = new Set<number>();
  readonly #rating = new Rating();
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
    index.#builtSlots = index.#ids.length;
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

  /** How many versions of genes came or went since the index was built, each with a slot: with many it is better built anew. */
  get changes(): number {
    return Math.max(this.#ids.length - this.#builtSlots, this.#dead.size);
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
    const { slots, relevance } =
      selection.q === null
        ? { slots: this.#bySymbol.filter(passes), relevance: () => 0 }
        : this.#search(selection.q, passes);
    const sorted = this.#sort(slots, selection.sort, relevance).slice(offset, offset + limit);
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
    this.#keys.push(compactText(gene.symbol));
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
  #search(text: string, passes: (slot: number) => boolean): Found {
    const key = compactText(text);
    const meant = this.#findMeant(key);
    const level = (slot: number) =>
      meant.get(slot) ?? (this.#keys[slot]?.startsWith(key) ? levels.beginning : levels.nothing);
    const rating = this.#rating;
    return {
      slots: this.#choose(readOperands(text, this), meant, passes),
      relevance: (slot) => level(slot) * pointsOfLevel + rating.points(slot),
    };
  }

  /** Whose symbol or alias is the text itself. */
  #findMeant(key: string): Map<number, number> {
    const meant = new Map<number, number>();
    for (const { keys } of this.#segments) {
      for (const entry of keys.entriesOf(key))
        meant.set(slotOf(entry), placeOf(entry) === places.symbol ? levels.symbol : levels.alias);
    }
    return meant;
  }

  /** Who is meant by the text as a whole, and who has as many of its words as any gene has. @returns slots by symbol */
  #choose(
    operands: readonly Operand[],
    meant: ReadonlyMap<number, number>,
    passes: (slot: number) => boolean,
  ): number[] {
    const rating = this.#rating;
    const words = this.#segments.map((segment) => segment.words);
    rating.clear(this.#ids.length);
    const strictly = rating.rateStrictly(operands, words);
    const hasAll = (slot: number) => rating.count(slot) === operands.length && operands.length > 0;
    const found =
      strictly.length > few
        ? this.#bySymbol.filter((slot) => hasAll(slot) || meant.has(slot))
        : this.#sortBySymbol(new Set([...meant.keys(), ...strictly]));
    const all = found.filter(passes);
    if (all.length > 0 || operands.length < 2) return all;
    rating.clear(this.#ids.length);
    rating.rateLoosely(operands, words);
    const some = this.#bySymbol.filter((slot) => rating.count(slot) > 0 && passes(slot));
    const most = some.reduce((sofar, slot) => Math.max(sofar, rating.count(slot)), 0);
    return some.filter((slot) => rating.count(slot) === most);
  }

  /** Only what is live. */
  #sortBySymbol(slots: ReadonlySet<number>): number[] {
    const symbols = this.#symbols;
    return [...slots].filter((slot) => !this.#dead.has(slot)).sort((a, b) => compare(symbols[a], symbols[b]));
  }

  #sort(
    slots: number[],
    sort: Selection['sort'],
    relevance: (slot: number) => number,
  ): ArrayLike<number> & Sliced {
    if (sort === 'symbol') return slots;
    if (sort === '-symbol') return slots.reverse();
    if (sort === 'relevance') return sortBy(slots, (slot) => -relevance(slot));
    const name = sort.replace('-', '') as 'name' | 'chromosome' | 'group' | 'evidence';
    const ranks = name === 'name' ? this.#rankNames() : null;
    const key = ranks ? (slot: number) => ranks[slot] ?? 0 : this.#facets.key(name as 'group');
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
function sortBy(slots: readonly number[], key: (slot: number) => number): ArrayLike<number> & Sliced {
  if (slots.length < few) return [...slots].sort((a, b) => key(a) - key(b));
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
