import { stripVTControlCharacters } from 'node:util';
import { toPrintable } from '../process/printable.ts';
import { formatDuration, paint, say } from '../terminal/report.ts';
import { isYes } from '../terminal/word-rules.ts';
import { FAMILIES, type Result } from './check.ts';

/** How many of each outcome. */
export function countResults(results: readonly Result<string>[]): Record<Result['status'], number> {
  const count = (status: Result['status']) => results.filter((result) => result.status === status).length;
  return { ok: count('ok'), warn: count('warn'), fail: count('fail'), skip: count('skip') };
}

const MARKS = { ok: ['green', '✔'], warn: ['yellow', '!'], fail: ['red', '✘'], skip: ['dim', '–'] } as const;
const WORDS = { ok: 'hold', fail: 'broken', warn: 'to look at', skip: 'left out' } as const;
/** What a database or a neighbour named may be of any length. */
const LONGEST = 2000;

/**
 * Prints the results for people: a line a family, and below what is broken or deserves a look, with the rule and the fix.
 * @param titles of the families, in their order
 */
export function sayResults<F extends string>(
  results: readonly Result<F>[],
  tookMs: number,
  titles: Readonly<Record<F, string>>,
): void {
  const verbose = isYes('VERBOSE', process.env.VERBOSE ?? '');
  const width = process.stdout.columns || Number.POSITIVE_INFINITY;
  for (const line of formatResults(results, tookMs, titles, verbose)) say(wrapLine(line, width));
}

/** @param verbose tells of every check what was found */
export function formatResults<F extends string>(
  results: readonly Result<F>[],
  tookMs: number,
  titles: Readonly<Record<F, string>>,
  verbose: boolean,
): string[] {
  const families = (Object.keys(titles) as F[]).flatMap((family) => {
    const own = results.filter((result) => result.family === family);
    return own.length === 0 ? [] : [formatFamily(titles[family], own)];
  });
  const told = verbose ? results : results.filter(({ status }) => status !== 'ok');
  const details = told.flatMap(formatResult);
  const took = `${results.length} checks in ${formatDuration(tookMs)}`;
  const counts = ['ok', 'fail', 'warn', 'skip'] as const;
  const sums = counts.map((status) => `${countResults(results)[status]} ${WORDS[status]}`);
  return [
    ...families,
    ...(details.length > 0 ? ['', ...details] : []),
    '',
    `${took}: ${sums.join(', ')}`,
    ...(verbose ? [] : ['What was found for each: VERBOSE=1']),
  ];
}

/** Breaks a line between words where the terminal ends, and sets what follows in by four. */
export function wrapLine(line: string, width: number): string {
  const lines: string[] = [];
  let at = 0;
  for (const word of line.split(/(?<=\S)(?= )/)) {
    const length = stripVTControlCharacters(word).length;
    const breaks = at > 0 && at + length > width;
    if (breaks) lines.push(`   ${word}`);
    else lines.push(`${lines.pop() ?? ''}${word}`);
    at = breaks ? 3 + length : at + length;
  }
  return lines.join('\n');
}

function formatFamily(title: string, results: readonly Result<string>[]): string {
  const counts = countResults(results);
  const worst = (['fail', 'warn', 'ok', 'skip'] as const).find((status) => counts[status] > 0) ?? 'ok';
  const [colour, mark] = MARKS[worst];
  const parts = (['ok', 'fail', 'warn', 'skip'] as const).filter((status) => counts[status] > 0);
  const text = parts.map((status) => `${counts[status]} ${WORDS[status]}`).join(', ');
  return `${paint(colour, mark)} ${paint('bold', title.padEnd(12))} ${text}`;
}

function formatResult({ id, title, status, found, source, fix }: Result<string>): string[] {
  const [colour, mark] = MARKS[status];
  const said = toPrintable(found, LONGEST);
  if (status === 'skip') return [`${paint(colour, mark)} ${id} left out: ${said}`];
  const wrong = status !== 'ok';
  return [
    `${paint(colour, mark)} ${title} ${paint('dim', `[${id}]`)}`,
    `    ${wrong ? paint(colour, said) : said} ${paint('dim', `— ${source}`)}`,
    ...(wrong ? [`    ${paint('bold', '→')} ${fix}`] : []),
  ];
}

/** The results as JUnit XML, which CI systems read: https://github.com/testmoapp/junitxml */
export function formatJunit(results: readonly Result[], tookMs: number): string {
  const { fail, skip } = countResults(results);
  const seconds = (tookMs / 1000).toFixed(3);
  const suites = FAMILIES.map((family) =>
    formatSuite(
      family,
      results.filter((result) => result.family === family),
    ),
  );
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="prod-verify" tests="${results.length}" failures="${fail}" skipped="${skip}" time="${seconds}">`,
    ...suites.filter(Boolean),
    '</testsuites>\n',
  ].join('\n');
}

function formatSuite(family: string, results: readonly Result[]): string {
  if (results.length === 0) return '';
  const { fail, skip } = countResults(results);
  return [
    `  <testsuite name="${family}" tests="${results.length}" failures="${fail}" skipped="${skip}">`,
    ...results.map(formatCase),
    '  </testsuite>',
  ].join('\n');
}

function formatCase({ id, family, title, status, found, source, fix }: Result): string {
  const name = `name="${escapeXml(`${id}: ${title}`)}" classname="${family}"`;
  const text = escapeXml(found);
  const inner = {
    ok: `<system-out>${text}</system-out>`,
    warn: `<system-out>warning: ${text}</system-out>`,
    skip: `<skipped message="${text}"/>`,
    fail: `<failure message="${text}">${escapeXml(`rule: ${source}\nfix: ${fix}`)}</failure>`,
  }[status];
  return `    <testcase ${name}>${inner}</testcase>`;
}

/** Also without the control characters that XML 1.0 cannot hold. */
function escapeXml(text: string): string {
  const names: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
  const allowed = [...text].filter((one) => one >= ' ' || one === '\n' || one === '\t').join('');
  return allowed.replace(/[&<>"]/g, (one) => names[one] ?? one);
}
