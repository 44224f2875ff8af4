import { stripVTControlCharacters, styleText } from 'node:util';
import { toPrintableLines } from '../process/printable.ts';

type Format = Parameters<typeof styleText>[0];

/** Whether the stream is a terminal whose user has not asked for plain text (NO_COLOR, see no-color.org). */
export function isFancy(stream: NodeJS.WriteStream = process.stdout): boolean {
  return stream.isTTY === true && !process.env.NO_COLOR && process.env.TERM !== 'dumb';
}

/** Text in a colour or weight where the terminal shows it, else the text itself. */
export function paint(format: Format, text: string, stream: NodeJS.WriteStream = process.stdout): string {
  return isFancy(stream) ? styleText(format, text, { validateStream: false }) : text;
}

/** Prints a line to standard output. */
export function say(text = ''): void {
  process.stdout.write(`${text}\n`);
}

/**
 * Shows how far long work is, in one line of the terminal that the next call replaces; nothing elsewhere.
 * @param text empty when the work is done
 */
export function sayProgress(text: string): void {
  if (isFancy(process.stderr)) process.stderr.write(`\r\x1b[K${text}`);
}

/** Prints a finished step. */
export function sayOk(text: string): void {
  say(`${paint('green', '✔')} ${text}`);
}

/** Prints something that works but deserves a look; to standard error, so that --json stays parsable. Takes text from outside. */
export function sayWarning(text: string): void {
  process.stderr.write(`${paint('yellow', '!', process.stderr)} ${toPrintableLines(text)}\n`);
}

/** Prints an expected failure: cause and what to do. Takes text from outside. */
export function sayFailure(cause: string, hint: string): void {
  process.stderr.write(`${paint('red', '✘', process.stderr)} ${toPrintableLines(cause)}\n`);
  if (hint) process.stderr.write(`  ${paint('bold', '→', process.stderr)} ${toPrintableLines(hint)}\n`);
}

/**
 * Aligns rows into columns.
 * @param rows the first row is the header; cells may hold colours
 */
export function formatTable(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  const width = (cell: string) => stripVTControlCharacters(cell).length;
  for (const row of rows) {
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, width(cell));
    });
  }
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell + ' '.repeat(Math.max(0, (widths[column] ?? 0) - width(cell))))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** Bytes as a person reads them, in the 1024-based units that Docker's limits use: `512 MiB`. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const digits = unit === 0 || value >= 100 ? 0 : 1;
  return `${value.toFixed(digits).replace(/\.0$/, '')} ${units[unit]}`;
}

/** Milliseconds as a person reads them: `420 ms`, `3.1 s`, `4 min`, `5 h`, `6 d`. */
export function formatDuration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  if (ms < 3_600_000) return `${Math.floor(ms / 60_000)} min`;
  if (ms < 172_800_000) return `${Math.floor(ms / 3_600_000)} h`;
  return `${Math.floor(ms / 86_400_000)} d`;
}
