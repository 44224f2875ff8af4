import { type Goal, judge, type Row, spread, type Unit } from './measure.ts';

export const HEAD = ['WHAT', 'OURS', 'PEER', 'RATIO', 'GOAL', 'MET'] as const;
const BAR = 36;

/** A value with its unit: `4,820 /s`, `0.61 s`. */
export function formatValue(value: number, unit: Unit): string {
  const suffix = unit === 'requests/s' ? '/s' : unit;
  return `${formatNumber(value)} ${suffix}`;
}

/** Three figures that count, more before the point. */
function formatNumber(value: number): string {
  const magnitude = value === 0 ? 0 : Math.floor(Math.log10(Math.abs(value)));
  const digits = Math.min(2, Math.max(0, 2 - magnitude));
  return value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** The goal as a reader says it: `≥ 2.0 x`, `≤ peer + 0.5 s`. */
export function formatGoal(goal: Goal | undefined, unit: Unit): string {
  if (!goal) return '';
  if (goal.of === 'value') return `≤ ${formatValue(goal.atMost, unit)}`;
  if (goal.of === 'difference') return `≤ peer + ${goal.atMost} ${unit}`;
  return 'atLeast' in goal ? `≥ ${goal.atLeast.toFixed(2)} x` : `≤ ${goal.atMost.toFixed(2)} x`;
}

/** A row's cells under `HEAD`; `detailed` adds the spread of each side. */
export function toCells(row: Row, detailed = false): string[] {
  const verdict = judge(row);
  const side = (middle: number | undefined, values: readonly number[]) => {
    if (middle === undefined) return '';
    const [low, high] = spread(values);
    const range = detailed && low < high ? ` (${formatNumber(low)} – ${formatNumber(high)})` : '';
    return `${formatValue(middle, row.unit)}${range}`;
  };
  const mark = verdict.passed === undefined ? '' : verdict.passed ? '✔' : '✘';
  return [
    row.what,
    side(verdict.ours, row.ours),
    row.peer ? `${side(verdict.peer, row.peer.values)} ${row.peer.name}` : '',
    verdict.ratio === undefined ? '' : `${verdict.ratio.toFixed(2)} x`,
    formatGoal(row.goal, row.unit),
    mark,
  ];
}

/** Bars for the rows that have two sides, each pair to a scale of its own. */
export function drawChart(rows: readonly Row[]): string {
  return rows
    .flatMap((row) => {
      const { ours, peer } = judge(row);
      if (!row.peer || peer === undefined) return [];
      const largest = Math.max(ours, peer) || 1;
      const names = ['ours', row.peer.name];
      const width = Math.max(...names.map((name) => name.length));
      const lines = [ours, peer].map((value, index) => {
        const label = (names[index] ?? '').padEnd(width);
        return `  ${label}  ${drawBar(value / largest)} ${formatValue(value, row.unit)}`;
      });
      return [row.what, ...lines, ''];
    })
    .join('\n')
    .trimEnd();
}

function drawBar(share: number): string {
  const eighths = Math.max(1, Math.round(share * BAR * 8));
  const rest = ' ▏▎▍▌▋▊▉'.charAt(eighths % 8).trim();
  return `${'█'.repeat(Math.floor(eighths / 8))}${rest}`.padEnd(BAR);
}
