import { readUsage } from '../lib/docker.ts';
import { alternate, timeSeconds } from './lib/alternate.ts';
import type { Row } from './lib/measure.ts';
import { ProductionStack } from './lib/production.ts';

const AT_MOST_MORE = { of: 'difference', atMost: 0.5 } as const;
const MIB = 1024 ** 2;

/** What our commands take beside the bare ones of Compose, on the same stack; and what that stack holds when idle. */
export async function measureCommands(runs: number): Promise<Row[]> {
  return ProductionStack.with('commands', async (production) => {
    await production.make('prod-up');
    // Once unmeasured: what is read for the first time comes from the disk.
    await production.make('prod-health');
    const health = await time(production, runs, 'prod-health', ['ps']);
    const memory = await readMemory(production, runs);
    const up = await time(production, runs, 'prod-up', ['up', '-d', '--wait']);
    const restart = await time(production, runs, 'prod-restart', ['restart']);
    return [health, up, restart, memory];
  });
}

async function time(
  production: ProductionStack,
  runs: number,
  target: string,
  bare: readonly string[],
): Promise<Row> {
  const { stack } = production;
  const settled = async (work: () => Promise<void>) => {
    const seconds = await timeSeconds(work);
    // The bare restart does not wait for it; whoever is measured next must not wait for another's containers.
    await stack.untilHealthy();
    return seconds;
  };
  const found = await alternate(runs, {
    ours: () => settled(() => production.make(target)),
    peer: () => settled(() => production.compose(...bare)),
  });
  const peer = { name: `compose ${bare.join(' ')}`, values: found.peer };
  return { what: `make ${target}`, unit: 's', ours: found.ours, peer, goal: AT_MOST_MORE };
}

async function readMemory({ stack }: ProductionStack, runs: number): Promise<Row> {
  const names = (['postgres', 'backend', 'frontend'] as const).map((service) => stack.name(service));
  const sums: number[] = [];
  for (let index = 0; index < runs; index += 1) {
    const used = await Promise.all(names.map(readUsage));
    sums.push(used.reduce((sum, one) => sum + (one?.memoryBytes ?? Number.NaN), 0) / MIB);
  }
  return { what: 'Memory of the idle stack', unit: 'MiB', ours: sums, goal: { of: 'value', atMost: 250 } };
}
