import { type IncomingMessage, request } from 'node:http';

/** The API's first answer, which the page asks for when it opens; the WebSocket is left out. */
const DATA = '/api/v1/genes';

interface Kept {
  etag?: string | undefined;
  modified?: string | undefined;
  /** Usable without asking until then. */
  freshUntil: number;
}

/**
 * Opens the page twice as a browser with an empty cache does: the document, what it names, the data.
 * @returns the bytes of all answers, heads included, of each visit
 */
export async function browse(site: string): Promise<{ first: number; second: number }> {
  const cache = new Map<string, Kept>();
  return { first: await visit(site, cache), second: await visit(site, cache) };
}

async function visit(site: string, cache: Map<string, Kept>): Promise<number> {
  const links = findLinks(await (await fetch(`${site}/`)).text());
  let bytes = 0;
  for (const path of ['/', ...links, DATA]) bytes += await countBytes(site, path, cache);
  return bytes;
}

/** The addresses of this site that a document names. */
export function findLinks(html: string): string[] {
  return [...new Set([...html.matchAll(/\s(?:src|href)="(\/[^/"][^"]*)"/g)].map(([, path]) => path ?? ''))]
    .filter((path) => path && !path.startsWith('/api/'))
    .sort();
}

/** The bytes of one answer as they go over the wire; none when the cache has it and may use it. */
export async function countBytes(
  site: string,
  path: string,
  cache = new Map<string, Kept>(),
): Promise<number> {
  const kept = cache.get(path);
  if (kept && kept.freshUntil > Date.now()) return 0;
  const headers: Record<string, string> = { 'Accept-Encoding': 'gzip', Accept: '*/*' };
  if (kept?.etag) headers['If-None-Match'] = kept.etag;
  if (kept?.modified) headers['If-Modified-Since'] = kept.modified;
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    request(`${site}${path}`, { headers, agent: false }, resolve).on('error', reject).end();
  });
  const { socket } = response;
  for await (const _chunk of response);
  if (response.statusCode !== 200 && response.statusCode !== 304) {
    throw new Error(`${path} answers ${response.statusCode}`);
  }
  const { etag, 'last-modified': modified, 'cache-control': control } = response.headers;
  cache.set(path, { etag, modified, freshUntil: Date.now() + readMaxAge(control) * 1000 });
  return socket.bytesRead;
}

/** Seconds for which an answer may be used without asking. */
export function readMaxAge(control = ''): number {
  if (/no-cache|no-store/.test(control)) return 0;
  return Number(/max-age=(\d+)/.exec(control)?.[1] ?? 0);
}
