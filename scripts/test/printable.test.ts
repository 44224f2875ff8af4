import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { toPrintable, toPrintableLines } from '../lib/process/printable.ts';

describe('text from outside', () => {
  const cases: [what: string, text: string, shown: string][] = [
    ['plain text with accents, dashes and signs', 'Größe – 3 × “a” 表 👍', 'Größe – 3 × “a” 表 👍'],
    ['colours', '\u001b[31mred\u001b[0m', 'red'],
    ['a title and a link for the terminal', '\u001b]0;pwned\u0007a\u001b]8;;http://x\u0007b', 'ab'],
    ['an escape that goes on for ever', 'a\u001bP1;2', 'a1;2'],
    ['C1 controls', 'a\u009b2Jb\u0085c', 'ab\ufffdc'],
    ['a line that is overwritten', 'failed\rdone  ', 'failed done '],
    ['lines of any kind', 'a\nb\u2028c\u2029d\u000be', 'a b c d e'],
    ['a turned direction', 'user\u202egpj.exe\u2066\u200f', 'user\ufffdgpj.exe\ufffd\ufffd'],
    ['the invisible', 'a\u200bb\u00adc\ufeffd\u{e0041}', 'a\ufffdb\ufffdc d\ufffd'],
    ['half a character', 'a\ud800b', 'a\ufffdb'],
    ['null and backspace', 'a\u0000b\u0008\u007f', 'a\ufffdb\ufffd\ufffd'],
  ];
  for (const [what, text, shown] of cases) {
    it(`is shown harmless: ${what}`, () => assert.equal(toPrintable(text), shown));
  }

  it('is cut, however long it is', () => {
    assert.equal(toPrintable('a'.repeat(20), 10), `${'a'.repeat(9)}…`);
    assert.equal(toPrintable(`\u001b[${'1;'.repeat(1e6)}m`, 10).length <= 10, true);
    assert.equal(toPrintableLines('a\n'.repeat(1e5), 3), 'a\na\na\n… and 99998 lines more');
  });

  it('keeps its lines and their indent where they are wanted', () => {
    assert.equal(toPrintableLines('a:\n    b\u001b[2J\r\n  c'), 'a:\n    b\n  c');
  });
});
