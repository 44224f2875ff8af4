import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildTerms } from '../../src/genes/terms.ts';

const known = (text: string) => text.split(' ').map((word) => ({ word, known: true, candidates: [] }));
const queries = (text: string) => buildTerms(known(text), '').map(({ tsquery }) => tsquery);

test('what a search asks the index for is bounded, whatever its words', () => {
  const table: [text: string, queries: (string | null)[]][] = [
    // Alone, a letter is a beginning; beside other words, of which each gene has some that begin with it, a word.
    ['r', ["'r':*"]],
    ['r tubular', ["'r' & 'tubular':*", "'r' | 'tubular':*"]],
    // What has the longer word has its beginning.
    ['g ge gene', ["'gene':*"]],
    [
      'a1 b1 c1',
      [
        "'a1':* & 'b1':* & 'c1':*",
        "('b1':* & 'c1':*) | ('a1':* & 'c1':*) | ('a1':* & 'b1':*)",
        "'a1':* | 'b1':* | 'c1':*",
      ],
    ],
    // Combinations of more words would each be looked up.
    ['a1 b1 c1 d1', ["'a1':* & 'b1':* & 'c1':* & 'd1':*", "'a1':* | 'b1':* | 'c1':* | 'd1':*"]],
  ];
  for (const [text, expected] of table) assert.deepEqual(queries(text), expected, text);
});
