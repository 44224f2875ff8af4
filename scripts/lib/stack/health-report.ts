import type { ContainerInfo } from '../docker/containers.ts';
import { formatCpus, type Use } from '../docker/usage.ts';
import {
  formatBytes,
  formatDuration,
  formatTable,
  paint,
  say,
  sayFailure,
  sayOk,
} from '../terminal/report.ts';
import { findLostNetwork, findOtherNetwork } from './network-rules.ts';
import type { Probe } from './probes.ts';
import { SERVICES, type StackSettings, upTarget } from './stack.ts';

function toRow(container: ContainerInfo, stats: ReadonlyMap<string, Use>): string[] {
  const use = stats.get(container.name);
  const up = container.state === 'running';
  const since = up ? formatDuration(Date.now() - Date.parse(container.startedAt)) : '-';
  return [
    container.name,
    container.state,
    container.health === 'healthy' ? paint('green', 'healthy') : paint('red', up ? container.health : '-'),
    since,
    String(container.restarts),
    use ? `${formatCpus(use)} of ${container.cpuLimit || '∞'}` : '-',
    use
      ? `${formatBytes(use.memoryBytes)} of ${container.memoryLimit ? formatBytes(container.memoryLimit) : '∞'}`
      : '-',
    container.image.split(':').at(-1) ?? '',
    container.ports.join(', ') || 'none',
  ];
}

/**
 * Prints a row a container.
 * @param stats what each takes, by name
 */
export function showTable(containers: readonly ContainerInfo[], stats: ReadonlyMap<string, Use>): void {
  const head = ['NAME', 'STATE', 'HEALTH', 'SINCE', 'RESTARTS', 'CPU', 'MEMORY', 'IMAGE', 'PORTS'];
  const rows = [head.map((word) => paint('bold', word)), ...containers.map((one) => toRow(one, stats))];
  say(formatTable(rows, { spare: ['STATE', 'IMAGE', 'PORTS'] }));
}

/** Prints what each probe found, and how long it took. */
export function showProbes(probes: readonly Probe[]): void {
  for (const { name, ok, ms, found } of probes) {
    const line = `${name.padEnd(9)} ${formatDuration(ms).padStart(7)}  ${found}`;
    if (ok) sayOk(line);
    else sayFailure(line, '');
  }
}

/** What does not run, or is not where it belongs, is started; what is and is not well says why in its log. */
export function hintOf(settings: StackSettings, containers: readonly ContainerInfo[]): string {
  const other = findOtherNetwork(containers, settings);
  if (other) return `make prod-env NPM_NETWORK=${other}`;
  const running = containers.filter(({ state }) => state === 'running' || state === 'restarting');
  const lost = running.some((one) => findLostNetwork(one, settings));
  if (running.length >= SERVICES.length && !lost) return 'make prod-logs';
  return upTarget(containers.find(({ mode }) => mode)?.mode);
}
