import { afterEach, describe, expect, it, vi } from 'vitest';
import * as api from '../src/api/client.ts';
import { ApiError } from '../src/api/error.ts';
import { makeGene, makePage, stubApi } from './support/api.ts';

async function failure(promise: Promise<unknown>): Promise<ApiError> {
  const error = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ApiError);
  return error as ApiError;
}

afterEach(() => vi.useRealTimers());

describe('addresses', () => {
  it('asks for genes with their parameters', async () => {
    const stub = stubApi(() => ({ body: makePage([makeGene()]) }));
    const page = await api.listGenes(new URLSearchParams({ q: 'a b', page: '2' }));
    expect(page.items[0]?.symbol).toBe('PKD1');
    expect(stub.requests.map((url) => url.pathname + url.search)).toEqual(['/api/v1/genes?q=a+b&page=2']);
  });

  it('asks for one gene by any name', async () => {
    const stub = stubApi(() => ({ body: makeGene() }));
    await api.getGene('HGNC:9008');
    await api.getGene('a/../b');
    expect(stub.requests.map((url) => url.pathname)).toEqual([
      '/api/v1/genes/HGNC%3A9008',
      '/api/v1/genes/a%2F..%2Fb',
    ]);
  });

  it('links an export of the selection', () => {
    expect(
      api.links.export(
        'tsv',
        new URLSearchParams([
          ['group', 'a'],
          ['group', 'b'],
        ]),
      ),
    ).toBe('/api/v1/genes/export?group=a&group=b&format=tsv');
  });

  it('measures how long the health check took', async () => {
    stubApi(() => ({ body: { status: 'ok', database: { status: 'up', latencyMs: 0.4 } } }));
    const { latencyMs, readiness } = await api.getHealth();
    expect(latencyMs).toBeGreaterThanOrEqual(0);
    expect(readiness.database.latencyMs).toBe(0.4);
  });

  it('tells life from death', async () => {
    stubApi(() => ({ body: { status: 'ok' } }));
    expect(await api.isAlive()).toBe(true);
    stubApi(() => ({ status: 503 }));
    expect(await api.isAlive()).toBe(false);
  });
});

describe('what goes wrong', () => {
  it('is a problem document with its request id and parameters', async () => {
    const errors = [{ parameter: 'page', detail: 'must be at least 1' }];
    const body = {
      type: '/x',
      title: 'Invalid parameter',
      status: 400,
      detail: 'page is bad',
      requestId: 'r-1',
      errors,
    };
    stubApi(() => ({ status: 400, body }));
    const error = await failure(api.listGenes(new URLSearchParams()));
    expect({ ...error }).toMatchObject({
      kind: 'problem',
      title: 'Invalid parameter',
      detail: 'page is bad',
      status: 400,
      requestId: 'r-1',
      errors,
    });
  });

  it('has a request id from the header and a time to come back, without a document', async () => {
    stubApi(() => ({
      status: 503,
      body: '<h1>Oops</h1>',
      headers: { 'content-type': 'text/html', 'x-request-id': 'r-2', 'retry-after': '3' },
    }));
    const error = await failure(api.getMeta());
    expect(error).toMatchObject({
      title: 'The service is not available',
      requestId: 'r-2',
      retryAfterSeconds: 3,
    });
    expect(error.detail).toContain('503');
  });

  it('survives a problem document that is cut off', async () => {
    stubApi(() => ({ status: 500, body: '{"title":' }));
    expect(await failure(api.getMeta())).toMatchObject({ status: 500, title: 'The server failed' });
  });

  it('is a page in place of the API', async () => {
    stubApi(() => ({ body: '<!doctype html>', headers: { 'content-type': 'text/html' } }));
    expect(await failure(api.getStatistics())).toMatchObject({ kind: 'malformed' });
  });

  it('is JSON that is cut off', async () => {
    stubApi(() => ({ body: '{"items":[' }));
    expect(await failure(api.listDiseaseGroups())).toMatchObject({ kind: 'malformed' });
  });

  it('is a server that cannot be reached', async () => {
    stubApi(() => {
      throw new TypeError('Failed to fetch');
    });
    expect(await failure(api.getMeta())).toMatchObject({
      kind: 'unreachable',
      status: null,
      requestId: null,
    });
  });

  it('is a server that does not answer in time', async () => {
    vi.spyOn(AbortSignal, 'timeout').mockReturnValue(AbortSignal.abort());
    stubApi(() => ({}));
    expect(await failure(api.getMeta())).toMatchObject({ kind: 'timeout' });
  });

  it('knows a gene that is not there', async () => {
    stubApi(() => ({ status: 404, body: { title: 'Not found', detail: 'There is no gene X.' } }));
    expect((await failure(api.getGene('X'))).notFound).toBe(true);
  });

  it('is not an error of the API when the caller himself took the request back', async () => {
    stubApi(() => ({}));
    const controller = new AbortController();
    controller.abort();
    await expect(api.getMeta(controller.signal)).rejects.toMatchObject({ name: 'AbortError' });
  });
});
