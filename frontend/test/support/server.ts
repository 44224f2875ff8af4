import { afterEach, beforeEach, vi } from 'vitest';
import type { Gene } from '../../src/api/types.ts';
import { type Answer, groups, makeGene, makePage, type StubApi, statistics, stubApi } from './api.ts';

export const GENES = '/api/v1/genes';

/** What the API holds and how it is, for the tests of whole views: set anew before each. */
export const server: { genes: Gene[]; siteName: string; broken: Answer | null; api: StubApi } = {
  genes: [],
  siteName: 'Kidney Genetics Database',
  broken: null,
  api: { requests: [], asked: () => [] },
};

export const outage: Answer = {
  status: 503,
  body: { title: 'Temporarily unavailable', detail: 'Not ready: the database is down.', requestId: 'r-503' },
};

/** Sets up the API and stops the clock around each test of the calling file. */
export function serveEachTest(): void {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date'] });
    localStorage.clear();
    server.broken = null;
    server.siteName = 'Kidney Genetics Database';
    server.genes = [
      makeGene(),
      makeGene({
        symbol: 'NPHS2',
        hgncId: 'HGNC:13394',
        name: 'podocin',
        diseaseGroup: 'glomerular',
        evidence: null,
      }),
    ];
    server.api = stubApi((url) => server.broken ?? answer(url));
  });
  afterEach(() => vi.useRealTimers());
}

/** What the API answers when all is well. */
export function answer(url: URL): Answer {
  switch (url.pathname) {
    case GENES:
      return {
        body: makePage(server.genes, { total: 60, page: Number(url.searchParams.get('page')), pages: 3 }),
      };
    case '/api/v1/disease-groups':
      return { body: { items: groups } };
    case '/api/v1/statistics':
      return { body: statistics };
    case '/api/v1/site':
      return { body: { name: server.siteName } };
    case '/api/v1/meta':
      return { body: meta };
    case '/api/health':
    case '/api/health/live':
      return { body: { status: 'ok', database: { status: 'up', latencyMs: 0.5 } } };
    default:
      return oneGene(decodeURIComponent(url.pathname.slice(GENES.length + 1)).toUpperCase());
  }
}

const meta = {
  name: 'Kidney',
  version: '1.2.3',
  revision: 'abc1234',
  apiVersion: 'v1',
  startedAt: '2026-11-01T00:00:00Z',
  genes: 60,
  latestSeq: 9,
  dataChangedAt: '2026-11-20T10:00:00Z',
};

function oneGene(wanted: string): Answer {
  const gene = server.genes.find((item) => item.symbol === wanted || item.hgncId === wanted);
  if (gene) return { body: gene };
  return {
    status: 404,
    body: { title: 'Not found', detail: `There is no gene ${wanted}.`, requestId: 'r-404' },
  };
}
