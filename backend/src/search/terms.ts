import { countEdits } from '../lib/edits.ts';
import { foldWords } from './fold.ts';
import { isCorrectable, type SimilarWord } from './similar-words.ts';

/** One thing that a search asks for: a gene has it with any of the words. */
export interface Operand {
  words: readonly string[];
  /** Whether the words count as beginnings of words. */
  areBeginnings: boolean;
}

/** What a search text is held against. */
export interface Vocabulary {
  /** Whether a gene has the word, or one that begins with it. */
  hasBeginning(word: string): boolean;
  /** Words that genes have and that resemble one that none has. */
  findSimilar(word: string): SimilarWord[];
}

const stopWords = new Set('a an and by due for in of on or the to with'.split(' '));
/** Bounds on what one search may cost: words that are looked up, and unknown ones that are compared with all there are. */
const maxWords = 8;
const maxUnknown = 3;
const maxCandidates = 24;
const maxReplacements = 5;

interface AskedWord {
  word: string;
  known: boolean;
  /** Similar words, the likeliest first. */
  candidates: readonly string[];
}

/**
 * Turns a search text into what it asks for: known words count as beginnings, misspelt ones are replaced by the nearest words
 * there are. Words that resemble nothing are left out.
 */
export function readOperands(text: string, vocabulary: Vocabulary): Operand[] {
  const words = [...new Set(foldWords(text))];
  const telling = words.filter((word) => !stopWords.has(word));
  const asked = lookUp((telling.length > 0 ? telling : words).slice(0, maxWords), vocabulary);
  const operands = asked.filter(isNotImplied).map((word, _index, { length }) => toOperand(word, length > 1));
  return operands.filter((operand) => operand !== null);
}

function lookUp(words: readonly string[], vocabulary: Vocabulary): AskedWord[] {
  let unknown = 0;
  return words.map((word) => {
    const known = !isCorrectable(word) || vocabulary.hasBeginning(word);
    if (!known) unknown += 1;
    const candidates = known || unknown > maxUnknown ? [] : rank(vocabulary.findSimilar(word));
    return { word, known, candidates };
  });
}

function rank(similar: readonly SimilarWord[]): string[] {
  const ranked = [...similar].sort(
    (a, b) => Number(b.near) - Number(a.near) || b.similarity - a.similarity || b.genes - a.genes,
  );
  return ranked.slice(0, maxCandidates).map(({ word }) => word);
}

/** What has the longer word, has its beginning. */
function isNotImplied({ word, known }: AskedWord, _index: number, words: readonly AskedWord[]): boolean {
  return !words.some((other) => known && other.known && other.word !== word && other.word.startsWith(word));
}

/** @param inCompany of other words: a single letter, with which words of most genes begin, is a word of its own there */
function toOperand({ word, known, candidates }: AskedWord, inCompany: boolean): Operand | null {
  if (known) {
    const isWhole = /^\d+$/.test(word) || (inCompany && word.length === 1);
    return isWhole
      ? { words: [word], areBeginnings: false }
      : { words: [stripPlural(word)], areBeginnings: true };
  }
  const rated = candidates.map((candidate) => [candidate, rateEdits(word, candidate)] as const);
  const fewest = Math.min(tolerance(word), ...rated.map(([, edits]) => edits));
  const replacements = rated.filter(([, edits]) => edits === fewest).slice(0, maxReplacements);
  if (replacements.length === 0) return null;
  return { words: replacements.map(([replacement]) => replacement), areBeginnings: false };
}

/** A word that is not finished yet is near the beginning of another, but less so than a whole one. */
function rateEdits(word: string, candidate: string): number {
  return Math.min(countEdits(word, candidate), countEdits(word, candidate.slice(0, word.length)) + 0.5);
}

/** How many edits a word of this length may be away: short words would turn into anything. */
function tolerance({ length }: string): number {
  if (length < 5) return 1;
  return length < 8 ? 2 : 3;
}

/** `cysts` finds `cyst`; as a beginning, `sclerosi` still finds `sclerosis`. Names with digits are left alone. */
function stripPlural(word: string): string {
  return word.length >= 5 && /^\p{L}+[^s\d]s$/u.test(word) ? word.slice(0, -1) : word;
}
