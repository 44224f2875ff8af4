import type { ContainerInfo } from '../../docker/containers.ts';
import { formatCpus } from '../../docker/usage.ts';
import { formatBytes, formatDuration, formatTable, paint } from '../../terminal/report.ts';
import { drawBars } from './figures.ts';
import type { Moment } from './vitals.ts';

function toRow(container: ContainerInfo, { use, at }: Moment): string[] {
  const used = use.get(container.name);
  const running = container.state === 'running';
  const word = running ? container.health : container.state;
  return [
    container.name,
    paint(word === 'healthy' ? 'green' : word === 'starting' ? 'yellow' : 'red', word),
    running ? formatDuration(Math.max(0, at.getTime() - Date.parse(container.startedAt))) : '-',
    used ? formatCpus(used) : '-',
    `${used ? formatBytes(used.memoryBytes) : '-'} of ${container.memoryLimit ? formatBytes(container.memoryLimit) : '∞'}`,
    String(container.restarts),
  ];
}

function rate(value: number): string {
  return `${value.toFixed(value < 10 ? 1 : 0)}/s`;
}

/** What stands before the bars. */
const BEFORE_BARS = 23;

/**
 * The lines of a frame.
 * @param past the looks before this one, which is the last of them
 * @param width columns of the terminal; the latest bars that fit are drawn
 */
export function drawFrame(
  moment: Moment,
  past: readonly Moment[],
  width = process.stdout.columns || 100,
): string[] {
  const { containers, traffic, vitals, troubles } = moment;
  const head = ['NAME', 'HEALTH', 'SINCE', 'CPU', 'MEMORY', 'RESTARTS'].map((word) => paint('bold', word));
  const shown = past.slice(-Math.max(1, width - BEFORE_BARS));
  const rates = shown.map((one) => one.traffic.perSecond);
  const errors = shown.map((one) => one.traffic.errorsPerSecond);
  const red = (text: string) => (traffic.errorsPerSecond > 0 ? paint('red', text) : text);
  return [
    ...formatTable([head, ...containers.map((one) => toRow(one, moment))], { width }).split('\n'),
    '',
    `Requests     ${rate(traffic.perSecond).padStart(8)}  ${drawBars(rates)}`,
    red(`Errors       ${rate(traffic.errorsPerSecond).padStart(8)}  ${drawBars(errors)}`),
    `95 % within  ${formatDuration(traffic.p95 * 1000).padStart(8)}`,
    `WebSockets   ${String(vitals?.webSockets ?? '-').padStart(8)}`,
    `Database     ${String(vitals?.connections ?? '-').padStart(8)}  of ${vitals?.maxConnections ?? '-'} connections`,
    '',
    ...[...troubles].map(([name, { words, now }]) =>
      paint(now ? 'red' : 'yellow', `${now ? '✘' : '!'} ${name}: ${words.join(', ')}`),
    ),
  ];
}

/** A look as one line. */
export function summarize({ at, containers, use, traffic, vitals }: Moment): string {
  const each = containers.map((one) => {
    const used = use.get(one.name);
    const word = one.state === 'running' ? one.health : one.state;
    return `${one.name} ${word} ${used ? `${formatCpus(used)} ${formatBytes(used.memoryBytes)}` : '- -'}`;
  });
  const load = `${rate(traffic.perSecond)}, ${rate(traffic.errorsPerSecond)} errors, ${vitals?.webSockets ?? '-'} WebSockets`;
  return `${at.toISOString().slice(0, 19)}Z  ${each.join(' | ')} | ${load}`;
}

/** A look for a program. */
export function toJson(moment: Moment): string {
  const { use, troubles } = moment;
  return JSON.stringify({ ...moment, use: Object.fromEntries(use), troubles: Object.fromEntries(troubles) });
}
