import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readOperands } from '../../src/search/terms.ts';

const known = { hasBeginning: () => true, findSimilar: () => [] };
const ask = (text: string) =>
  readOperands(text, known).map(
    ({ words, areBeginnings }) => `${words.join('|')}${areBeginnings ? '*' : ''}`,
  );

test('what a search asks for is bounded, whatever its words', () => {
  const table: [text: string, operands: string[]][] = [
    // Alone, a letter is a beginning; beside other words, of which each gene has some that begin with it, a word.
    ['r', ['r*']],
    ['r tubular', ['r', 'tubular*']],
    ['the kidneys of an', ['kidney*']],
    ['the', ['the*']],
    // What has the longer word has its beginning; a word counts once.
    ['g ge gene GENE', ['gene*']],
    ['a1 2 b1', ['a1*', '2', 'b1*']],
    ['Birt-Hogg-Dubé', ['birt*', 'hogg*', 'dube*']],
    [
      Array.from({ length: 60 }, (_, index) => `w${index}x`).join(' '),
      Array.from({ length: 8 }, (_, index) => `w${index}x*`),
    ],
  ];
  for (const [text, expected] of table) assert.deepEqual(ask(text), expected, text);
});

test('words that resemble nothing are left out, and only the first three unknown ones are compared with all there are', () => {
  const compared: string[] = [];
  const vocabulary = {
    hasBeginning: (word: string) => word === 'renal',
    findSimilar: (word: string) => {
      compared.push(word);
      return word === 'kidny' ? [{ word: 'kidney', near: true, similarity: 0.5, genes: 9 }] : [];
    },
  };
  const operands = readOperands('kidny renal xxxa xxxb xxxc', vocabulary);
  assert.deepEqual(operands, [
    { words: ['kidney'], areBeginnings: false },
    { words: ['renal'], areBeginnings: true },
  ]);
  assert.deepEqual(compared, ['kidny', 'xxxa', 'xxxb']);
});
