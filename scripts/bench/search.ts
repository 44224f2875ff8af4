import { main } from '../lib/cli.ts';
import { DescribedError } from '../lib/errors.ts';
import { assertDockerReady } from '../lib/preflight.ts';
import { formatTable, say, sayOk, sayProgress } from '../lib/report.ts';
import { listSearches, measure, readMeanSize } from './load.ts';
import { BenchStage } from './stage.ts';

const USAGE = `
Measures the search at 50,000 genes against the same server sending a constant body of the same size; exit 1 below the
goals: half its rate, and p99 under 50 ms at 80 % of the peak rate. Takes about two minutes; uses 127.0.0.1 alone.

  make bench-search
  npx tsx scripts/bench/search.ts [--genes N] [--seconds N] [--json]

  --genes     how many; 50000 unless said
  --seconds   length of each of the runs; 5 unless said`;

const ROUNDS = 3;
const GOAL_RATIO = 0.5;
const GOAL_P99_MS = 50;

const median = (values: readonly number[]) => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;

async function compare(stage: BenchStage, genes: number, seconds: number) {
  const searches = listSearches(genes);
  sayProgress('Starting the database and the server');
  await stage.start();
  sayProgress(`Adding ${genes} genes`);
  await stage.addGenes(genes);
  const bytes = await readMeanSize(await stage.startServer(''), searches);
  const url = await stage.startServer('x'.repeat(bytes));
  await readMeanSize(url, searches);
  const rounds = { constant: [] as number[], search: [] as number[], ratio: [] as number[] };
  for (let round = 1; round <= ROUNDS; round += 1) {
    sayProgress(`Round ${round} of ${ROUNDS}`);
    const constant = (await measure(url, ['/api/docs/reference.css'], seconds)).rate;
    const search = (await measure(url, searches, seconds)).rate;
    rounds.constant.push(constant);
    rounds.search.push(search);
    rounds.ratio.push(search / constant);
  }
  const peak = median(rounds.search);
  sayProgress('80 % of the peak rate');
  const { p99 } = await measure(url, searches, seconds, Math.floor(peak * 0.8));
  sayProgress('Searches never asked before');
  const fresh = Array.from({ length: 20_000 }, (_, index) => `/api/v1/genes?q=collagen+${genes + index}`);
  const first = await measure(url, fresh, seconds);
  sayProgress('');
  return {
    bytes,
    constant: median(rounds.constant),
    search: peak,
    ratio: median(rounds.ratio),
    p99,
    fresh: first.rate,
  };
}

await main(import.meta.url, {
  usage: USAGE,
  options: {
    genes: { type: 'string', default: '50000' },
    seconds: { type: 'string', default: '5' },
    json: { type: 'boolean' },
  },
  async run(flags) {
    await assertDockerReady();
    const stage = new BenchStage();
    try {
      const found = await compare(stage, Number(flags.genes), Number(flags.seconds));
      if (flags.json) say(JSON.stringify(found));
      else {
        const rate = (value: number) => `${Math.round(value)}/s`;
        say(
          formatTable([
            ['', 'FOUND', 'GOAL'],
            [`constant body of ${found.bytes} bytes`, rate(found.constant), ''],
            [`search among ${flags.genes} genes`, rate(found.search), ''],
            ['ratio', found.ratio.toFixed(2), `at least ${GOAL_RATIO}`],
            ['p99 at 80 % of the peak', `${found.p99} ms`, `under ${GOAL_P99_MS} ms`],
            ['searches never asked before', rate(found.fresh), ''],
          ]),
        );
      }
      if (found.ratio < GOAL_RATIO || found.p99 >= GOAL_P99_MS)
        throw new DescribedError('The search is below its goals', 'run it again on an idle machine');
      if (!flags.json) sayOk('The search reaches its goals');
    } finally {
      await stage.remove();
    }
  },
});
