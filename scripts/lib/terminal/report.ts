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

/** How a table fits a narrow terminal. */
export interface TableFit {
  /** Columns of the terminal; without one, as in a pipe, a table is as wide as it is. */
  width?: number;
  /** Heads of the columns that may go, the least needed first. */
  spare?: readonly string[];
}

type Rows = readonly (readonly string[])[];

const GAP = 2;
const LEAST = 8;
const widthOf = (cell: string) => stripVTControlCharacters(cell).length;

/**
 * Aligns rows into columns. Where the terminal is too narrow, columns that say nothing go, then spare ones, and what is still too
 * wide is cut.
 * @param rows the first row is the header; cells may hold colours
 */
export function formatTable(
  rows: Rows,
  { width = process.stdout.columns || Number.POSITIVE_INFINITY, spare = [] }: TableFit = {},
): string {
  const head = rows[0] ?? [];
  const isEmpty = (column: number) =>
    rows.slice(1).every((row) => /^(-|none|0|)$/.test(stripVTControlCharacters(row[column] ?? '')));
  const named = spare.map((name) => head.findIndex((cell) => stripVTControlCharacters(cell) === name));
  const leaving = [...head.keys()].filter(isEmpty).concat(named);
  let kept = rows;
  let columns = [...head.keys()];
  while (measure(kept) > width && leaving.length > 0) {
    const gone = leaving.shift();
    columns = columns.filter((column) => column !== gone);
    kept = rows.map((row) => columns.map((column) => row[column] ?? ''));
  }
  const widths = shrink(listWidths(kept), width);
  return kept.map((row) => formatRow(row, widths)).join('\n');
}

function listWidths(rows: Rows): number[] {
  const count = Math.max(0, ...rows.map(({ length }) => length));
  return Array.from({ length: count }, (_, column) =>
    Math.max(0, ...rows.map((row) => widthOf(row[column] ?? ''))),
  );
}

function measure(rows: Rows): number {
  return total(listWidths(rows));
}

function total(widths: readonly number[]): number {
  return widths.reduce((sum, one) => sum + one + GAP, -GAP);
}

/** Takes from the widest column as long as the row is too wide; from the first, by which a row is called, at last. */
function shrink(widths: readonly number[], width: number): number[] {
  const [first = 0, ...others] = widths;
  while (first + GAP + total(others) > width && Math.max(...others) > LEAST) {
    const widest = others.indexOf(Math.max(...others));
    others[widest] = (others[widest] ?? 0) - 1;
  }
  return [Math.max(Math.min(first, LEAST), Math.min(first, width - GAP - total(others))), ...others];
}

function formatRow(row: readonly string[], widths: readonly number[]): string {
  const cells = row.map((cell, column) => {
    const room = widths[column] ?? 0;
    const fitting = widthOf(cell) > room ? `${stripVTControlCharacters(cell).slice(0, room - 1)}…` : cell;
    return fitting + ' '.repeat(room - widthOf(fitting));
  });
  return cells.join(' '.repeat(GAP)).trimEnd();
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
