import { stripVTControlCharacters } from 'node:util';

/** Controls and escapes, marks that turn the direction of writing, invisible characters, ends of lines of any kind. */
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]/gu;

/**
 * Text from outside (a file, an answer, another user, a database) as a terminal and a log may show it: one line in which
 * nothing moves, colours, hides or reorders anything.
 * @param max characters, beyond which it is cut
 */
export function toPrintable(text: string, max = 300): string {
  // What is far beyond is not even looked at.
  const line = stripVTControlCharacters(text.slice(0, 8 * max))
    .replace(/\s+/g, ' ')
    .replace(UNPRINTABLE, '\u{fffd}');
  const characters = [...line];
  return characters.length > max || text.length > 8 * max
    ? `${characters.slice(0, max - 1).join('')}…`
    : line;
}

/** The same for what has several lines, which stay; such as the end of what a program said. */
export function toPrintableLines(text: string, maxLines = 60): string {
  const lines = text.split(/\r?\n/);
  const shown = lines.slice(0, maxLines).map((line) => toIndent(line) + toPrintable(line.trimStart(), 2000));
  return (lines.length > maxLines ? [...shown, `… and ${lines.length - maxLines} lines more`] : shown).join(
    '\n',
  );
}

function toIndent(line: string): string {
  return ' '.repeat(Math.min(20, line.length - line.trimStart().length));
}
