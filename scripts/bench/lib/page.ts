import { drawChart, HEAD, toCells } from './format.ts';
import type { Machine } from './machine.ts';
import type { Row } from './measure.ts';

export interface Section {
  name: string;
  about: string;
  rows: readonly Row[];
}

export interface Result {
  date: string;
  revision: string;
  runs: number;
  machine: Machine;
  sections: readonly Section[];
}

/** docs/performance.md. */
export function writePage({ date, revision, runs, machine, sections }: Result): string {
  const rows = sections.flatMap((section) => section.rows);
  return `# Performance

Written by \`make bench WRITE=1\`: each figure beside what an operator would use instead, on the same machine, in the same run, by
turns. Do not edit it by hand; measure again.

| | |
| --- | --- |
| Date and revision | ${date.slice(0, 10)}, ${revision} |
| Processor | ${machine.cores} x ${machine.cpu} |
| Memory | ${machine.memoryGiB} GiB |
| Kernel, cgroups | ${machine.kernel}, ${machine.cgroups} |
| Docker Engine, Compose | ${machine.engine}, ${machine.compose} |
| Node of the scripts | ${machine.node} |
| Runs of each side | ${runs} |

A figure is the median of the runs, with the smallest and the largest in brackets. The load comes from the same machine, so
requests per second say how the two sides compare, not what a server of your own bears.

${sections.map(writeSection).join('\n\n')}

## At a glance

\`\`\`text
${drawChart(rows)}
\`\`\`
`;
}

function writeSection({ name, about, rows }: Section): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell || '–').join(' | ')} |`;
  const table = [HEAD.map(sentence), HEAD.map(() => '---'), ...rows.map((row) => toCells(row, true))];
  return `## ${sentence(name)}\n\n${about}\n\n${table.map(line).join('\n')}`;
}

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1).toLowerCase().replace('-', ' ');
}
