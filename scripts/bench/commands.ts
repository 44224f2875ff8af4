import { readUsage } from '../lib/docker/usage.ts';
import { alternate } from './lib/alternate.ts';
import type { Row } from './lib/measure.ts';
import { ProductionStack } from './lib/production.ts';

const goal = { of: 'difference', atMost: 0.5 } as const;
const MIB = 1024 ** 2;

/** What our commands take beside the bare ones of Compose, on the same stack; and what that stack holds when idle. */
export async function measureCommands(runs: number): Promise<Row[]> {
  return ProductionStack.with('commands', async (production) => {
    await production.make('prod-up');
    // Once unmeasured: what is read for the first time comes from the disk.
    await production.make('prod-health');
    await production.compose('ps');
    const health = await time(production, runs, 'prod-health', ['ps']);
    const memory = await readMemory(production, runs);
    const up = await time(production, runs, 'prod-up', ['up', '-d', '--wait']);
    const restart = await time(production, runs, 'prod-restart', ['restart']);
    return [
      { ...toRow('make prod-health', 'compose ps', health, 'returned'), goal },
      { ...toRow('make prod-up, nothing to change', 'compose up -d --wait', up, 'returned'), goal },
      { ...toRow('make prod-restart', 'compose restart', restart, 'returned'), goal },
      // The bare command leaves before the stack answers again.
      toRow('make prod-restart, until all are healthy', 'compose restart', restart, 'healthy'),
      memory,
    ];
  });
}

/** Seconds until the command is done, and until the stack is healthy. */
interface Times {
  returned: number;
  healthy: number;
}

async function time(production: ProductionStack, runs: number, target: string, bare: readonly string[]) {
  const measure = async (work: () => Promise<void>): Promise<Times> => {
    const startedAt = performance.now();
    const seconds = () => (performance.now() - startedAt) / 1000;
    await work();
    const returned = seconds();
    // The bare restart does not wait for it; whoever is measured next must not wait for another's containers.
    await production.stack.untilHealthy();
    return { returned, healthy: seconds() };
  };
  return alternate(runs, {
    ours: () => measure(() => production.make(target)),
    peer: () => measure(() => production.compose(...bare)),
  });
}

function toRow(what: string, name: string, found: { ours: Times[]; peer: Times[] }, read: keyof Times): Row {
  const values = (side: Times[]) => side.map((times) => times[read]);
  return { what, unit: 's', ours: values(found.ours), peer: { name, values: values(found.peer) } };
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
