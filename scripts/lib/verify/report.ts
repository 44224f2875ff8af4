import { formatDuration, paint, say } from '../terminal/report.ts';
import { FAMILIES, type Result } from './check.ts';

/** How many of each outcome. */
export function countResults(results: readonly Result<string>[]): Record<Result['status'], number> {
  const count = (status: Result['status']) => results.filter((result) => result.status === status).length;
  return { ok: count('ok'), warn: count('warn'), fail: count('fail'), skip: count('skip') };
}

const MARKS = { ok: ['green', '✔'], warn: ['yellow', '!'], fail: ['red', '✘'], skip: ['dim', '–'] } as const;

/**
 * Prints the results for people, by family; the rule and the fix where one is needed.
 * @param titles of the families, in their order
 */
export function sayResults<F extends string>(
  results: readonly Result<F>[],
  tookMs: number,
  titles: Readonly<Record<F, string>>,
): void {
  for (const family of Object.keys(titles) as F[]) {
    const own = results.filter((result) => result.family === family);
    if (own.length === 0) continue;
    const good = own.filter(({ status }) => status === 'ok').length;
    say(`${paint('bold', titles[family])} ${paint('dim', `${good} of ${own.length}`)}`);
    for (const result of own) sayResult(result);
    say();
  }
  const { ok, warn, fail, skip } = countResults(results);
  const parts = [`${ok} hold`, `${fail} broken`, `${warn} to look at`, `${skip} left out`];
  say(`${results.length} checks in ${formatDuration(tookMs)}: ${parts.join(', ')}`);
}

function sayResult({ id, title, status, found, source, fix }: Result<string>): void {
  const [colour, mark] = MARKS[status];
  say(`  ${paint(colour, mark)} ${title} ${paint('dim', `[${id}]`)}`);
  const wrong = status === 'warn' || status === 'fail';
  const text = status === 'skip' ? `left out: ${found}` : wrong ? paint(colour, found) : found;
  say(`      ${text} ${paint('dim', `— ${source}`)}`);
  if (wrong) say(`      ${paint('bold', '→')} ${fix}`);
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
