import { ApiError, errorFromResponse } from './error.ts';
import type { DiseaseGroup, Gene, GenePage, Meta, Readiness, Site, Statistics } from './types.ts';

const BASE = (import.meta.env.VITE_API_BASE_URL ?? '/api').replace(/\/+$/, '');
const V1 = `${BASE}/v1`;

/** How long one request may take before it counts as failed, in milliseconds. */
const TIMEOUT_MS = 15_000;

export type ExportFormat = 'csv' | 'tsv' | 'json';

export interface HealthReport {
  /** Time from sending the request to having the answer, in milliseconds. */
  latencyMs: number;
  readiness: Readiness;
}

/** Addresses for links that the browser follows by itself. */
export const links = {
  docs: `${BASE}/docs`,
  openapi: `${BASE}/openapi.json`,
  gene: (symbol: string): string => `${V1}/genes/${encodeURIComponent(symbol)}`,
  export: (format: ExportFormat, filters: URLSearchParams): string => {
    const params = new URLSearchParams(filters);
    params.set('format', format);
    return `${V1}/genes/export?${params}`;
  },
};

/** One page of genes for the given parameters (see state/gene-query.ts for how they are made). */
export function listGenes(params: URLSearchParams, signal?: AbortSignal): Promise<GenePage> {
  const query = params.toString();
  return getJson<GenePage>(query ? `${V1}/genes?${query}` : `${V1}/genes`, signal);
}

/** One gene by symbol or HGNC id; an ApiError with status 404 when there is none. */
export function getGene(symbolOrHgncId: string, signal?: AbortSignal): Promise<Gene> {
  return getJson<Gene>(links.gene(symbolOrHgncId), signal);
}

/** All disease groups with the number of genes in each. */
export async function listDiseaseGroups(signal?: AbortSignal): Promise<DiseaseGroup[]> {
  return (await getJson<{ items: DiseaseGroup[] }>(`${V1}/disease-groups`, signal)).items;
}

/** Counts over the whole collection. */
export function getStatistics(signal?: AbortSignal): Promise<Statistics> {
  return getJson<Statistics>(`${V1}/statistics`, signal);
}

/** What the site is called. */
export function getSite(signal?: AbortSignal): Promise<Site> {
  return getJson<Site>(`${V1}/site`, signal);
}

/** Version, revision and start of the API. */
export function getMeta(signal?: AbortSignal): Promise<Meta> {
  return getJson<Meta>(`${V1}/meta`, signal);
}

/** Asks for readiness (the API and its database), past every cache, and measures how long the answer took. */
export async function getHealth(signal?: AbortSignal): Promise<HealthReport> {
  const start = performance.now();
  const readiness = await getJson<Readiness>(`${BASE}/health`, signal, 'no-store');
  return { latencyMs: performance.now() - start, readiness };
}

/** Whether the API itself is alive, whatever its database does. */
export async function isAlive(signal?: AbortSignal): Promise<boolean> {
  try {
    await getJson(`${BASE}/health/live`, signal, 'no-store');
    return true;
  } catch (error) {
    if (error instanceof ApiError) return false;
    throw error;
  }
}

/**
 * GETs JSON.
 * @throws ApiError for everything that goes wrong, except that an abort by the caller's own signal is passed on as it is
 */
async function getJson<T>(url: string, signal?: AbortSignal, cache: RequestCache = 'default'): Promise<T> {
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  const both = signal ? AbortSignal.any([signal, timeout]) : timeout;
  try {
    const response = await fetch(url, { headers: { accept: 'application/json' }, cache, signal: both });
    if (!response.ok) throw await errorFromResponse(response);
    if (!/json/i.test(response.headers.get('content-type') ?? '')) throw malformed(response);
    return (await response.json()) as T;
  } catch (error) {
    if (error instanceof ApiError || signal?.aborted) throw error;
    throw timeout.aborted ? timedOut() : error instanceof SyntaxError ? malformed(null) : unreachable();
  }
}

function malformed(response: Response | null): ApiError {
  return new ApiError({
    kind: 'malformed',
    title: 'Unexpected answer',
    detail: 'Something answered in place of the API, or its answer was cut off.',
    status: response?.status ?? null,
    requestId: response?.headers.get('x-request-id') ?? null,
  });
}

function timedOut(): ApiError {
  return new ApiError({
    kind: 'timeout',
    title: 'No answer in time',
    detail: `The server did not answer within ${TIMEOUT_MS / 1000} seconds.`,
  });
}

function unreachable(): ApiError {
  return new ApiError({
    kind: 'unreachable',
    title: 'The server cannot be reached',
    detail: 'Check your network connection. What was loaded before stays on the page.',
  });
}
