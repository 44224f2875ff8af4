import { readUsage } from '../lib/docker/usage.ts';
import { DescribedError } from '../lib/process/errors.ts';
import { GENES, importGenes } from './lib/many-genes.ts';
import { type Goal, median, type Row } from './lib/measure.ts';
import { ProductionStack } from './lib/production.ts';
import { SearchServer } from './lib/search-server.ts';
import { changeQuery, makeQuery, type Query, seededRandom, toAddress } from './lib/worst-queries.ts';

const SEED = 20;
const RANDOM_QUERIES = 120;
/** From each of the most expensive ones on: so many changes, of which each is kept that costs more. */
const CLIMBS = 4;
const STEPS = 25;
const REPEATS = 3;

/** CPU that one question took, in ms. */
interface Cost {
  database: number;
  api: number;
}

interface Found {
  query: Query;
  cost: Cost;
}

/** The question that costs the database most, and the one that costs both together most. */
export async function measureWorst(): Promise<Row[]> {
  return ProductionStack.with('worst', async (production) => {
    await production.make('prod-up');
    await importGenes(production.stack);
    const server = await SearchServer.start(production);
    const meter = new Meter(production, server);
    await meter.begin();
    const rows: Row[] = [];
    const kinds: [string, (cost: Cost) => number, Goal?][] = [
      ['the database', ({ database }) => database, { of: 'value', atMost: 25 }],
      ['the database and the API', ({ database, api }) => database + api],
    ];
    for (const [whose, weigh, goal] of kinds) {
      const { query } = await findWorst(meter, weigh);
      const ours = [];
      for (let repeat = 0; repeat < REPEATS; repeat += 1) ours.push(weigh(await meter.measureAnew(query)));
      const address = decodeURIComponent(toAddress(query)).slice(0, 120);
      const what = `CPU of ${whose}, worst of ${meter.asked} questions to ${GENES.toLocaleString('en')} genes: ${address}`;
      rows.push({ what: what.replaceAll('|', '/'), unit: 'ms', ours, ...(goal ? { goal } : {}) });
    }
    return rows;
  });
}

/** Random questions, then small changes to the most expensive ones. */
async function findWorst(meter: Meter, weigh: (cost: Cost) => number): Promise<Found> {
  const random = seededRandom(SEED);
  const all: Found[] = [];
  const ask = async (query: Query) => {
    const found = { query, cost: await meter.measure(query) };
    all.push(found);
    return found;
  };
  for (let asked = 0; asked < RANDOM_QUERIES; asked += 1) await ask(makeQuery(random));
  const byCost = (a: Found, b: Found) => weigh(b.cost) - weigh(a.cost);
  for (const start of [...all].sort(byCost).slice(0, CLIMBS)) {
    let best = start;
    for (let step = 0; step < STEPS; step += 1) {
      const next = await ask(changeQuery(best.query, random));
      if (weigh(next.cost) > weigh(best.cost)) best = next;
    }
  }
  // What else the machine did counted as well: of the most expensive, the one that is so each time.
  const again: Found[] = [];
  for (const { query } of all.sort(byCost).slice(0, 2 * CLIMBS)) {
    const costs: Cost[] = [];
    for (let repeat = 0; repeat < REPEATS; repeat += 1) costs.push(await meter.measureAnew(query));
    const middle = (of: keyof Cost) => median(costs.map((cost) => cost[of]));
    again.push({ query, cost: { database: middle('database'), api: middle('api') } });
  }
  return again.sort(byCost)[0] as Found;
}

/** Asks a server, and reads what that cost from the engine's counters. */
class Meter {
  asked = 0;
  readonly #production: ProductionStack;
  readonly #server: SearchServer;

  constructor(production: ProductionStack, server: SearchServer) {
    this.#production = production;
    this.#server = server;
  }

  /** Has the server do what it does once: load, compile, open connections. */
  async begin(): Promise<void> {
    for (let time = 0; time < 50; time += 1) await this.#ask(`/api/v1/genes?q=gen${time}&pageSize=200`);
  }

  async measure(query: Query): Promise<Cost> {
    this.asked += 1;
    const before = await this.#read();
    await this.#ask(toAddress(query));
    const after = await this.#read();
    return { database: after.database - before.database, api: after.api - before.api };
  }

  /** The same once more, when no answer is in memory. */
  async measureAnew(query: Query): Promise<Cost> {
    await this.#production.stack.sql('update data_state set changed_at = clock_timestamp()');
    await this.#ask('/api/v1/meta');
    return this.measure(query);
  }

  async #ask(address: string): Promise<void> {
    const response = await fetch(this.#server.url + address);
    await response.arrayBuffer();
    if (!response.ok)
      throw new DescribedError(`${address} answers ${response.status}`, 'make bench ONLY=worst');
  }

  async #read(): Promise<Cost> {
    const names = [this.#production.stack.name('postgres'), this.#server.name];
    const [database = 0, api = 0] = await Promise.all(
      names.map(async (name) => 1000 * ((await readUsage(name))?.cpuSeconds ?? Number.NaN)),
    );
    return { database, api };
  }
}
