import { vi } from 'vitest';
import type { DiseaseGroup, Gene, GenePage, Statistics } from '../../src/api/types.ts';

export type Answer = { status?: number; body?: unknown; headers?: Record<string, string> };

/** Answers the page's requests; the addresses asked for are kept in order. */
export interface StubApi {
  requests: URL[];
  /** The addresses asked for below a path, query included. */
  asked(path: string): string[];
}

/**
 * Puts a function in place of fetch.
 * @param answer gives the answer for an address; throwing means that the network fails
 */
export function stubApi(answer: (url: URL) => Answer | Promise<Answer>): StubApi {
  const requests: URL[] = [];
  vi.stubGlobal('fetch', async (input: string, init?: RequestInit) => {
    const url = new URL(input, 'http://page.test');
    requests.push(url);
    const { status = 200, body = {}, headers = {} } = await answer(url);
    init?.signal?.throwIfAborted();
    const type = status < 400 ? 'application/json' : 'application/problem+json';
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    return new Response(text, { status, headers: { 'content-type': type, ...headers } });
  });
  return {
    requests,
    asked: (path) =>
      requests
        .filter((url) => url.pathname === path)
        .map((url) => decodeURIComponent(url.search.replaceAll('+', ' '))),
  };
}

/** A gene with the given differences. */
export function makeGene(fields: Partial<Gene> = {}): Gene {
  return {
    symbol: 'PKD1',
    hgncId: 'HGNC:9008',
    name: 'polycystin 1',
    aliases: ['PBP'],
    chromosome: '16',
    band: '16p13.3',
    inheritance: ['AD'],
    diseaseGroup: 'cystic',
    evidence: 'definitive',
    evidenceSource: 'ClinGen',
    evidenceDate: '2023-11',
    evidenceUrl: 'https://search.clinicalgenome.org/kb/genes/HGNC:9008',
    diseases: [
      {
        name: 'Polycystic kidney disease 1',
        omimId: 'OMIM:173900',
        orphaId: 'ORPHA:730',
        inheritance: ['AD'],
      },
    ],
    updatedAt: '2026-11-20T10:00:00Z',
    seq: 7,
    ...fields,
  };
}

export function makePage(items: Gene[], fields: Partial<GenePage> = {}): GenePage {
  return { items, total: items.length, page: 1, pageSize: 25, pages: 1, ...fields };
}

export const groups: DiseaseGroup[] = [
  { slug: 'cystic', name: 'Cystic kidney disease', description: '', genes: 2 },
  { slug: 'glomerular', name: 'Glomerular disease', description: '', genes: 1 },
];

export const statistics: Statistics = {
  genes: 3,
  diseases: 4,
  byGroup: [
    { key: 'glomerular', count: 1 },
    { key: 'cystic', count: 2 },
  ],
  byInheritance: [
    { key: 'AD', count: 2 },
    { key: 'AR', count: 1 },
  ],
  byChromosome: [
    { key: '16', count: 2 },
    { key: 'X', count: 1 },
  ],
  byEvidence: [
    { key: 'limited', count: 1 },
    { key: 'definitive', count: 2 },
  ],
  evidenceSources: [
    { source: 'ClinGen', date: '2023-11', count: 2 },
    { source: null, date: null, count: 1 },
  ],
  updatedAt: '2026-11-20T10:00:00Z',
};
