import { listStack } from '../lib/stack/containers.ts';
import { SERVICES, type Service, shortName } from '../lib/stack/stack.ts';
import { until } from '../test/e2e/harness.ts';
import { timeSeconds } from './lib/alternate.ts';
import { median, type Row } from './lib/measure.ts';
import { ProductionStack } from './lib/production.ts';

/**
 * From no container and no data to all healthy, beside what the slowest service needs when nothing runs beside it, and
 * beside the bare command on the same files.
 */
export async function measureColdStart(runs: number): Promise<Row[]> {
  return ProductionStack.with('cold', async (production) => {
    const all: number[] = [];
    const bare: number[] = [];
    const alone = new Map<Service, number[]>(SERVICES.map((service) => [service, []]));
    for (let index = 0; index < runs; index += 1) {
      all.push(await timeSeconds(() => production.make('prod-up')));
      await production.wipe();
      bare.push(await timeSeconds(() => production.compose('up', '-d', '--wait')));
      await production.wipe();
      // The backend comes after the database, whose data it fills when they are new.
      for (const service of SERVICES) alone.get(service)?.push(await startAlone(production, service));
      await production.wipe();
    }
    const [slowest = SERVICES[0], values = []] =
      [...alone].sort(([, a], [, b]) => median(b) - median(a))[0] ?? [];
    const peer = { name: `${shortName(slowest)} alone`, values };
    return [
      { what: 'Cold start, all healthy', unit: 's', ours: all, peer, goal: { of: 'ratio', atMost: 1.1 } },
      {
        what: 'Cold start beside the bare command',
        unit: 's',
        ours: all,
        peer: { name: 'compose up -d --wait', values: bare },
      },
    ];
  });
}

async function startAlone(production: ProductionStack, service: Service): Promise<number> {
  const { settings } = production.stack;
  return timeSeconds(async () => {
    await production.compose('up', '-d', '--no-deps', service);
    await until(`${service} healthy`, 60_000, async () =>
      (await listStack(settings)).some((one) => one.service === service && one.health === 'healthy'),
    );
  });
}
