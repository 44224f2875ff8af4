import type { Result } from '../model/npm-verify.ts';
import { formatDuration, paint, say } from '../report.ts';

const TITLES: Readonly<Record<string, string>> = {
  transport: 'From the name to an encrypted connection',
  content: 'What the visitor gets is what our nginx sent',
  client: 'Who the API thinks is asking',
  live: 'What stays open',
  limit: 'How much one address may ask',
};
const MARKS = { ok: ['green', '✔'], warn: ['yellow', '!'], fail: ['red', '✘'], skip: ['dim', '–'] } as const;

/** What came of it, in one line: `19 hold, 0 broken, 0 to look at, 3 left out`. */
function countWords(results: readonly Result[]): string {
  const count = (status: Result['status']) => results.filter((one) => one.status === status).length;
  return `${count('ok')} hold, ${count('fail')} broken, ${count('warn')} to look at, ${count('skip')} left out`;
}

/** Prints the results for people, by family; what to do where that is needed. */
export function sayResults(results: readonly Result[], tookMs: number): void {
  for (const family of new Set(results.map((one) => one.family))) {
    say(paint('bold', TITLES[family] ?? family));
    results.filter((one) => one.family === family).forEach(sayResult);
    say();
  }
  say(`${results.length} checks in ${formatDuration(tookMs)}: ${countWords(results)}`);
}

function sayResult({ id, title, status, found, source, mend }: Result): void {
  const [colour, mark] = MARKS[status];
  const text = status === 'skip' ? `left out: ${found}` : found;
  say(`  ${paint(colour, mark)} ${title} ${paint('dim', `[${id}]`)}`);
  say(`      ${status === 'ok' ? text : paint(colour, text)} ${paint('dim', `— ${source}`)}`);
  if (status === 'fail' || status === 'warn') say(`      ${paint('bold', '→')} ${mend}`);
}
