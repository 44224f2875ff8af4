import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readUsage } from '../lib/docker/usage.ts';
import type { TestStack } from '../test/e2e/harness.ts';
import { alternate } from './lib/alternate.ts';
import { type Load, putLoad } from './lib/load.ts';
import { GENES, importGenes } from './lib/many-genes.ts';
import { median, type Row } from './lib/measure.ts';
import { ProductionStack } from './lib/production.ts';
import { SearchServer } from './lib/search-server.ts';
import { listFreshSearches, listSearches, mixPaths } from './lib/searches.ts';

const SECONDS = 2;
const NAME = '50,000 genes';

/** The search beside the same server sending a constant body of the same size, and how long the genes take to come in. */
export async function measureSearch(runs: number): Promise<Row[]> {
  return ProductionStack.with('search', async (production) => {
    const { stack } = production;
    await production.make('prod-up');
    const readMemory = async () =>
      ((await readUsage(stack.name('backend')))?.memoryBytes ?? Number.NaN) / 2 ** 20;
    const before = await readMemory();
    const seconds = await importGenes(stack);
    const after = await readMemory();
    const server = await SearchServer.start(production);
    const known = listSearches(GENES);
    await server.answerWithConstant(await server.readMeanSize(known));
    // Once unmeasured: from here on the server has each of them in memory.
    await server.readMeanSize(known);
    const fresh = listFreshSearches();
    const third = fresh.length / 3;
    const load = (paths: readonly string[], rate?: number) => putPaths(stack, server.url, paths, rate);
    const constant = () => load([server.constant]);
    await constant();
    await load(known);
    const repeated = await alternate(runs, { ours: () => load(known), peer: constant });
    const peak = median(repeated.ours.map(rateOf));
    const steady = [];
    for (let run = 0; run < Math.min(runs, 3); run += 1)
      steady.push(await load(known, Math.floor(peak * 0.8)));
    const mixed = await load(mixPaths(known, fresh.slice(2 * third)));
    const first = await load(fresh.slice(0, third));
    const freshSteady = await load(fresh.slice(third, 2 * third), Math.floor(first.requestsPerSecond * 0.8));
    const peer = { name: 'constant', values: repeated.peer.map(rateOf) };
    const rates = (what: string, loads: readonly Load[]): Row => ({
      what,
      unit: 'requests/s',
      ours: loads.map(rateOf),
      peer,
    });
    return [
      { ...rates(`Search among ${NAME}`, repeated.ours), goal: { of: 'ratio', atLeast: 0.5 } },
      {
        what: 'Search at 80 % of that rate, 99 of 100 within',
        unit: 'ms',
        ours: steady.map(({ p99Ms }) => p99Ms),
        goal: { of: 'value', atMost: 50 },
      },
      rates('Search, one in ten never asked before', [mixed]),
      { ...rates('Search, never asked before', [first]), goal: { of: 'ratio', atLeast: 0.15 } },
      {
        what: 'Search never asked before at 80 % of that rate, 99 of 100 within',
        unit: 'ms',
        ours: [freshSteady.p99Ms],
        goal: { of: 'value', atMost: 50 },
      },
      {
        what: `Memory of the API after the import of ${NAME}`,
        unit: 'MiB',
        ours: [after],
        peer: { name: 'before it', values: [before] },
      },
      { what: `Import of ${NAME}`, unit: 's', ours: [seconds], goal: { of: 'value', atMost: 10 } },
    ];
  });
}

const rateOf = ({ requestsPerSecond }: Load) => requestsPerSecond;

function putPaths(stack: TestStack, url: string, paths: readonly string[], rate?: number): Promise<Load> {
  const file = join(stack.tmp, 'paths');
  writeFileSync(file, paths.map((path) => `${path}\n`).join(''));
  return putLoad(url, { seconds: SECONDS, paths: file, ...(rate ? { rate } : {}) });
}
