import autocannon from 'autocannon';
import { DescribedError } from '../lib/errors.ts';

const CONNECTIONS = 16;

/** What people type: symbols, aliases, words of names and diseases, unfinished and misspelt ones; 400 different ones. */
export function listSearches(genes: number): string[] {
  return Array.from({ length: 80 }, (_, index) => {
    const gene = (index * 7919) % genes;
    const words = [
      'renl dysplasia',
      'podocyte kinase',
      'tubular acidos',
      'glomerular sclerosis',
      'urinary reflux',
    ];
    return [
      `GEN${gene}`,
      `alias${gene}`,
      `collagen ${index}`,
      `${words[index % 5]} ${index}`,
      `syndrome type ${index}`,
    ];
  })
    .flat()
    .map((q) => `/api/v1/genes?${new URLSearchParams({ q })}`);
}

/**
 * Sends requests as fast as they are answered, or at a rate, over a fixed number of connections.
 * @returns answers a second, and the latency in ms that 99 of 100 keep below
 */
export async function measure(
  url: string,
  paths: readonly string[],
  seconds: number,
  rate?: number,
): Promise<{ rate: number; p99: number }> {
  const requests = paths.map((path) => ({ path }));
  const options = { url, requests, connections: CONNECTIONS, duration: seconds, timeout: 10 };
  const result = await autocannon(rate === undefined ? options : { ...options, overallRate: rate });
  const failed = result.non2xx + result.errors;
  if (failed > result['2xx'] / 100)
    throw new DescribedError(
      `${failed} of ${failed + result['2xx']} requests failed`,
      'run it on an idle machine',
    );
  return { rate: result['2xx'] / result.duration, p99: result.latency.p99 };
}

/** The mean size of the answers; asking makes each of them once. */
export async function readMeanSize(url: string, paths: readonly string[]): Promise<number> {
  let total = 0;
  for (const path of paths) total += (await (await fetch(url + path)).arrayBuffer()).byteLength;
  return Math.round(total / paths.length);
}
