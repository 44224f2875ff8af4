import { setTimeout as sleep } from 'node:timers/promises';
import { npmLikeName, startNpmLike } from '../test/e2e/npm-like.ts';
import { changeImage, type Report, UpdateUsers } from '../test/e2e/update-users.ts';
import { alternate, timeSeconds } from './lib/alternate.ts';
import type { Row, Unit } from './lib/measure.ts';
import { ProductionStack } from './lib/production.ts';

/** Each takes a minute. */
const MOST_RUNS = 2;
/** A proxy that asks for names every 10 s has asked again by then. */
const NAME_CACHE_MS = 12_000;

interface Sample extends Report {
  seconds: number;
}

/** What users of both halves meet while new images of them are deployed. */
export async function measureUpdate(runs: number): Promise<Row[]> {
  return ProductionStack.with('update', async (production) => {
    const { stack } = production;
    stack.setEnv('ALLOWED_HOSTS', `localhost,127.0.0.1,${npmLikeName(stack)}`);
    await production.make('prod-up');
    await startNpmLike(stack);
    let revision = 0;
    const measure = async (update: () => Promise<void>): Promise<Sample> => {
      revision += 1;
      for (const half of ['backend', 'frontend']) await changeImage(stack, half, `bench${revision}`);
      const users = new UpdateUsers(stack);
      await users.start({ rate: 195, sockets: 200 });
      const seconds = await timeSeconds(update);
      await sleep(NAME_CACHE_MS);
      return { ...(await users.end()), seconds };
    };
    const { ours, peer } = await alternate(Math.min(runs, MOST_RUNS), {
      ours: async () => {
        await production.make('prod-up');
        return measure(() => production.make('prod-update', 'NO_BUILD=1'));
      },
      peer: async () => {
        await production.composeLatest('up', '-d', '--wait');
        return measure(() => production.composeLatest('up', '-d', '--wait'));
      },
    });
    const compare = (what: string, unit: Unit, read: (sample: Sample) => number): Row => ({
      what,
      unit,
      ours: ours.map(read),
      peer: { name: 'compose up -d --wait', values: peer.map(read) },
    });
    return [
      {
        ...compare('Requests without a good answer', 'requests', ({ failed }) => failed),
        goal: { of: 'value', atMost: 0 },
      },
      compare('Slowest answer', 'ms', ({ max }) => max),
      compare('WebSocket away, at the longest', 'ms', ({ longestAwayMs }) => longestAwayMs),
      compare('Both halves replaced', 's', ({ seconds }) => seconds),
    ];
  });
}
