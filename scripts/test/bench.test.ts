import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { alternate } from '../bench/lib/alternate.ts';
import { drawChart, formatGoal, formatValue, toCells } from '../bench/lib/format.ts';
import { parseWrk } from '../bench/lib/load.ts';
import { judge, median, type Row } from '../bench/lib/measure.ts';
import { writePage } from '../bench/lib/page.ts';
import { listFreshSearches, listSearches, mixPaths } from '../bench/lib/searches.ts';
import { findLinks, readMaxAge } from '../bench/lib/visit.ts';
import { changeQuery, makeQuery, seededRandom, toAddress } from '../bench/lib/worst-queries.ts';

const faster: Row = {
  what: 'API',
  unit: 'requests/s',
  ours: [4000, 1000, 3000],
  peer: { name: 'theirs', values: [1000, 2000, 1500] },
  goal: { of: 'ratio', atLeast: 1.5 },
};
const slower: Row = {
  what: 'make prod-up',
  unit: 's',
  ours: [1.8, 1.6],
  peer: { name: 'bare', values: [1, 1.1] },
  goal: { of: 'difference', atMost: 0.5 },
};

describe('figures of a benchmark', () => {
  it('are medians', () => {
    assert.deepEqual([[3], [9, 1, 2], [4, 1, 2, 3]].map(median), [3, 2, 2.5]);
    assert.throws(() => median([]), RangeError);
  });

  const table: [Row, ReturnType<typeof judge>][] = [
    [faster, { ours: 3000, peer: 1500, ratio: 2, passed: true }],
    [
      { ...faster, goal: { of: 'ratio', atLeast: 2.5 } },
      { ours: 3000, peer: 1500, ratio: 2, passed: false },
    ],
    [
      { ...faster, goal: { of: 'ratio', atMost: 0.7 } },
      { ours: 3000, peer: 1500, ratio: 2, passed: false },
    ],
    [
      { ...slower, ours: [1.5], peer: { name: 'bare', values: [1] } },
      { ours: 1.5, peer: 1, ratio: 1.5, passed: true },
    ],
    [
      { ...slower, ours: [1.75], peer: { name: 'bare', values: [1] } },
      { ours: 1.75, peer: 1, ratio: 1.75, passed: false },
    ],
    [
      { what: 'image', unit: 'MB', ours: [8], goal: { of: 'value', atMost: 8 } },
      { ours: 8, passed: true },
    ],
    [
      { what: 'image', unit: 'MB', ours: [8.1], goal: { of: 'value', atMost: 8 } },
      { ours: 8.1, passed: false },
    ],
    [{ what: 'image', unit: 'MB', ours: [8] }, { ours: 8 }],
  ];
  for (const [row, verdict] of table) {
    it(`${formatGoal(row.goal, row.unit) || 'no goal'}, ours ${verdict.ours}: ${verdict.passed ?? 'no verdict'}`, () =>
      assert.deepEqual(judge(row), verdict));
  }

  it('are taken by turns, and the side that begins changes', async () => {
    const order: string[] = [];
    const side = (name: string) => async () => {
      order.push(name);
      return order.length;
    };
    const found = await alternate(3, { ours: side('ours'), peer: side('peer') });
    assert.deepEqual(order, ['ours', 'peer', 'peer', 'ours', 'ours', 'peer']);
    assert.deepEqual(found, { ours: [1, 4, 5], peer: [2, 3, 6] });
  });
});

describe('the report of a benchmark', () => {
  it('writes values with the figures that count', () => {
    assert.deepEqual(
      [
        formatValue(4823.4, 'requests/s'),
        formatValue(0.614, 's'),
        formatValue(12.34, 'ms'),
        formatValue(0, 'B'),
      ],
      ['4,823 /s', '0.61 s', '12.3 ms', '0.00 B'],
    );
  });

  it('has both sides, ratio, goal and mark, and the spread where it is asked for', () => {
    assert.deepEqual(toCells(faster), ['API', '3,000 /s', '1,500 /s theirs', '2.00 x', '≥ 1.50 x', '✔']);
    assert.deepEqual(toCells(slower, true), [
      'make prod-up',
      '1.70 s (1.60 – 1.80)',
      '1.05 s (1.00 – 1.10) bare',
      '1.62 x',
      '≤ peer + 0.5 s',
      '✘',
    ]);
  });

  it('draws the two sides of a row to one scale', () => {
    const lines = drawChart([faster, { what: 'alone', unit: 's', ours: [1] }]).split('\n');
    assert.deepEqual(
      lines.map((line) => line.replace(/█{18}/g, '#')),
      ['API', '  ours    ## 3,000 /s', `  theirs  #${' '.repeat(18)} 1,500 /s`],
    );
  });

  it('is a page of whole tables', () => {
    const machine = {
      cpu: 'A',
      cores: 2,
      memoryGiB: 8,
      kernel: '6',
      node: '20',
      engine: '26',
      compose: '2',
      cgroups: 'v2',
    };
    const sections = [{ name: 'cold-start', about: 'Why.', rows: [slower] }];
    const page = writePage({ date: '2030-01-02T03:04:05Z', revision: 'abc', runs: 5, machine, sections });
    assert.match(page, /^\| Date and revision \| 2030-01-02, abc \|$/m);
    assert.match(page, /^## Cold start\n\nWhy\.\n\n\| What \| Ours \|/m);
    const rows = page.split('\n').filter((line) => line.startsWith('| make prod-up'));
    assert.deepEqual(
      rows.map((line) => line.split('|').length),
      [8],
    );
  });
});

describe('what the load generator says', () => {
  const report = `Running 2s test @ http://127.0.0.1:8080/
  1 threads and 16 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency    11.25ms   15.38ms 172.43ms   87.45%
    Req/Sec     2.70k   703.04     3.91k    65.00%
  Latency Distribution
     50%  812.00us
     75%   15.17ms
     90%   31.30ms
     99%    1.20s
  5391 requests in 2.00s, 155.88MB read
Requests/sec:   2690.43
Transfer/sec:     77.79MB
`;

  it('is read in milliseconds', () => {
    const load = { requestsPerSecond: 2690.43, requests: 5391, p50Ms: 0.812, p99Ms: 1200, errors: '' };
    assert.deepEqual(parseWrk(report), load);
  });

  it('tells errors, which make the figure worthless', () => {
    const failing = report.replace('Requests/sec', '  Non-2xx or 3xx responses: 81\nRequests/sec');
    assert.equal(parseWrk(failing).errors, 'Non-2xx or 3xx responses: 81');
  });
});

describe('a visit', () => {
  it('fetches what the document names on its own site, once', () => {
    const html = `<link rel="icon" href="/a.svg"><script src="/b.js"></script><link href="/b.js">
      <a href="/api/docs">docs</a><a href="//other.example/x.js">x</a><a href="https://other.example">y</a>`;
    assert.deepEqual(findLinks(html), ['/a.svg', '/b.js']);
  });

  it('uses what is fresh without asking', () => {
    assert.deepEqual(
      ['public, max-age=31536000, immutable', 'no-cache', 'no-cache, max-age=60', undefined].map((value) =>
        readMaxAge(value),
      ),
      [31536000, 0, 0, 0],
    );
  });
});

describe('searches of a benchmark', () => {
  it('that were never asked before are none of the others, nor twice there', () => {
    const all = [...listSearches(50_000), ...listFreshSearches()];
    assert.equal(new Set(all).size, all.length);
  });

  it('are mixed one in ten', () => {
    const mixed = mixPaths(['a', 'b'], ['new', 'newer']);
    assert.equal(mixed.join(' '), 'a b a b a b a b a new b a b a b a b a b newer');
  });
});

describe('the search for the worst question', () => {
  it('asks what the API takes: each parameter with one value where one may stand, a text of at most 200 characters', () => {
    const random = seededRandom(1);
    let query = makeQuery(random);
    const seen = new Set<string>();
    for (let step = 0; step < 500; step += 1) {
      query = step % 5 === 0 ? makeQuery(random) : changeQuery(query, random);
      const { pathname, searchParams } = new URL(toAddress(query), 'http://localhost');
      seen.add(pathname);
      assert.ok((searchParams.get('q') ?? '').length <= 200);
      for (const name of ['sort', 'page', 'pageSize', 'since', 'limit'])
        assert.ok(searchParams.getAll(name).length <= 1);
    }
    assert.ok(seen.size >= 4, [...seen].join());
  });

  it('is the same for the same seed', () => {
    const ask = () =>
      Array.from(
        { length: 20 },
        (
          (random) => () =>
            toAddress(makeQuery(random))
        )(seededRandom(7)),
      );
    assert.deepEqual(ask(), ask());
  });
});
