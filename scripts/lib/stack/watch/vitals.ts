import type { ContainerInfo } from '../../docker/containers.ts';
import { readStats, type Use } from '../../docker/usage.ts';
import { run } from '../../process/shell.ts';
import { listStack } from '../containers.ts';
import { containerName, type StackSettings } from '../stack.ts';
import { findTroubles } from '../trouble.ts';
import type { Trouble } from '../trouble-rules.ts';
import { readVitals, sumTraffic, type Traffic, type Vitals } from './figures.ts';

/** More lines than these in one while are not read: the rate shown is then too low, and the host has other worries. */
const MAX_LINES = '50000';
/** Only the network to the database reaches the port, so the backend itself asks, at whichever of its addresses answers. */
const ASK_METRICS = `
  const addresses = Object.values(require('os').networkInterfaces()).flat().filter(({ family }) => family === 'IPv4');
  const ask = async ({ address }) => {
    const answer = await fetch('http://' + address + ':' + (process.env.METRICS_PORT || 9464) + '/metrics');
    return answer.text();
  };
  Promise.any(addresses.map(ask)).then((text) => process.stdout.write(text), () => process.exit(1));`;

/** A stack at one moment. */
export interface Moment {
  at: Date;
  containers: ContainerInfo[];
  use: Map<string, Use>;
  troubles: Map<string, Trouble>;
  traffic: Traffic;
  vitals: Vitals | undefined;
}

/**
 * Looks at a stack; takes the 0.1 s that the use is measured over.
 * @param since from when on requests are counted
 */
export async function observe(settings: StackSettings, since: number): Promise<Moment> {
  const containers = await listStack(settings);
  const running = containers.filter(({ state }) => state === 'running').map(({ name }) => name);
  const until = Date.now();
  const [use, troubles, log, metrics] = await Promise.all([
    readStats(running),
    findTroubles(settings, containers),
    readAccessLog(containerName(settings, 'kidney-genetics-frontend-service'), since),
    askMetrics(containerName(settings, 'kidney-genetics-backend-service')),
  ]);
  return {
    at: new Date(until),
    containers,
    use,
    troubles,
    traffic: sumTraffic(log, since, until - since),
    vitals: readVitals(metrics),
  };
}

async function readAccessLog(container: string, since: number): Promise<string> {
  const span = ['--since', new Date(since).toISOString(), '--tail', MAX_LINES];
  return (await run(['docker', 'logs', ...span, container])).stdout;
}

async function askMetrics(container: string): Promise<string> {
  return (await run(['docker', 'exec', container, 'node', '-e', ASK_METRICS], { timeoutMs: 5000 })).stdout;
}
