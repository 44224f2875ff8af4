import { formatDuration } from '../../lib/terminal/report.ts';
import { describeView } from './outage.ts';
import type { Outcome } from './run.ts';

/** @returns what users saw of each fault, below a head */
export function toRows(outcomes: readonly Outcome[]): string[][] {
  const rows = outcomes.map(({ title, views, healedMs, restarted, acknowledged, lost, found }) => [
    found ? `${title}: ${found}` : title,
    describeView(views.page),
    describeView(views.search),
    describeView(views.edit),
    formatDuration(healedMs),
    restarted.join(', ') || 'nothing',
    `${lost.length} of ${acknowledged}`,
  ]);
  const head = [
    'fault',
    'page',
    'searches',
    'edits',
    'well again after',
    'restarted',
    'acknowledged edits lost',
  ];
  return [head, ...rows];
}

/** @returns the rows as a table in Markdown */
export function formatMarkdown([head = [], ...rows]: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
