import { countEdits } from '../lib/edits.ts';
import type { SearchTerms } from './sql.ts';

/** One word of a search text, as the database knows it. */
export interface AskedWord {
  /** Folded: lower case, without accents, letters and digits only. */
  word: string;
  /** Whether a gene has the word, or one that begins with it. */
  known: boolean;
  /** Similar words that genes have, the likeliest first. */
  candidates: readonly string[];
}

const stopWords = new Set([
  'a',
  'an',
  'and',
  'by',
  'due',
  'for',
  'in',
  'of',
  'on',
  'or',
  'the',
  'to',
  'with',
]);
const maxReplacements = 5;

/**
 * Turns the words of a search text into queries: known words match as beginnings, misspelt ones are replaced by the
 * nearest words there are. Words that resemble nothing are left out as long as others remain.
 *
 * @param words in the order of the text
 * @param key the text's letters and digits
 * @returns terms for genes that have all the words; then, in case no gene does, for those that have all but one, and any
 */
export function buildTerms(words: readonly AskedWord[], key: string): SearchTerms[] {
  const telling = words.filter(({ word }) => !stopWords.has(word));
  const operands = (telling.length > 0 ? telling : words)
    .filter(isNotImplied)
    .map((word, _index, { length }) => writeOperand(word, length > 1))
    .filter((operand) => operand !== null);
  const unique = [...new Set(operands)];
  const queries = [unique.join(' & ')];
  // Of more words, each combination would be looked up: that costs more than it finds.
  if (unique.length === 3) {
    queries.push(unique.map((one) => `(${unique.filter((other) => other !== one).join(' & ')})`).join(' | '));
  }
  if (unique.length > 1) queries.push(unique.join(' | '));
  return queries.map((query) => ({ tsquery: query || null, key }));
}

/** What has the longer word, has its beginning. */
function isNotImplied({ word, known }: AskedWord, _index: number, words: readonly AskedWord[]): boolean {
  return !words.some((other) => known && other.known && other.word !== word && other.word.startsWith(word));
}

/** @param inCompany of other words: a single letter, with which words of most genes begin, is a word of its own there */
function writeOperand({ word, known, candidates }: AskedWord, inCompany: boolean): string | null {
  if (known)
    return /^\d+$/.test(word) || (inCompany && word.length === 1)
      ? quote(word)
      : `${quote(stripPlural(word))}:*`;
  const rated = candidates.map((candidate) => [candidate, rateEdits(word, candidate)] as const);
  const fewest = Math.min(tolerance(word), ...rated.map(([, edits]) => edits));
  const replacements = rated.filter(([, edits]) => edits === fewest).slice(0, maxReplacements);
  if (replacements.length === 0) return null;
  return `(${replacements.map(([replacement]) => quote(replacement)).join(' | ')})`;
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

function quote(word: string): string {
  return `'${word.replaceAll(/['\\]/g, (character) => character + character)}'`;
}
