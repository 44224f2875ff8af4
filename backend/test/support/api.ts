import { randomBytes, randomUUID } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import { SignJWT } from 'jose';
import { buildApp } from '../../src/app.ts';
import { readEnv } from '../../src/env.ts';
import { createLogger } from '../../src/log.ts';
import { createDatabase } from './postgres.ts';

export const secretKey = randomBytes(32).toString('hex');

/** An API of a test's own, listening on 127.0.0.1, with a database of its own. */
export interface TestApi {
  app: FastifyInstance;
  /** Such as http://127.0.0.1:40001, without a slash at its end. */
  url: string;
  databaseUrl: string;
  /** What was logged so far. */
  log: Record<string, unknown>[];
  /** Asks for a path below /api/v1 (or any path that begins with /api or /ws). */
  get(path: string, headers?: Record<string, string>): Promise<Response>;
  /** The JSON of an answer that has to be 200. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers; their shape is tested against the OpenAPI description
  json(path: string): Promise<any>;
  /** Edits a gene with a token that permits it. */
  edit(gene: string, fields: object, headers?: Record<string, string>): Promise<Response>;
  /** Waits until changes are followed: from then on they are pushed. */
  untilFollowing(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Starts an API.
 *
 * @param name of its database, which is made anew
 * @param overrides environment variables
 */
export async function startApi(name: string, overrides: Record<string, string> = {}): Promise<TestApi> {
  const databaseUrl = overrides.DATABASE_URL ?? (await createDatabase(name));
  const source = {
    DATABASE_URL: databaseUrl,
    SECRET_KEY: secretKey,
    METRICS_PORT: '0',
    LOG_LEVEL: 'debug',
    APP_VERSION: '1.2.3',
    APP_REVISION: 'abcdef',
    ...overrides,
  };
  const log: Record<string, unknown>[] = [];
  const output = new Writable({
    decodeStrings: false,
    write(line: string, _encoding, done) {
      log.push(JSON.parse(line) as Record<string, unknown>);
      done();
    },
  });
  const env = readEnv(source, () => '');
  const app = await buildApp(env, createLogger(env, output));
  await app.listen({ host: '127.0.0.1', port: 0 });
  const url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
  const at = (path: string) => url + (/^\/(api|ws)\b/.test(path) ? path : `${env.apiPrefix}${path}`);
  // The shipped genes are there: from here on only the test changes the data.
  if (overrides.DATABASE_URL === undefined) await app.geneIndexLoaded;
  return {
    app,
    url,
    databaseUrl,
    log,
    get: (path, headers = {}) => fetch(at(path), { headers }),
    async json(path) {
      const response = await fetch(at(path));
      const text = await response.text();
      if (response.status !== 200) throw new Error(`${path} answered ${response.status}: ${text}`);
      return JSON.parse(text);
    },
    edit: async (gene, fields, headers = {}) =>
      fetch(at(`/genes/${gene}`), {
        method: 'PATCH',
        body: JSON.stringify(fields),
        headers: {
          'content-type': 'application/json',
          authorization: `Bearer ${await makeToken()}`,
          ...headers,
        },
      }),
    untilFollowing: () => until('following', async () => app.changeFeed.connected),
    close: () => app.close(),
  };
}

/** Asks until the answer is yes; an answer that fails is a no. */
export async function until(what: string, ask: () => Promise<boolean>, timeoutMs = 30_000): Promise<void> {
  const end = Date.now() + timeoutMs;
  while (!(await ask().catch(() => false))) {
    if (Date.now() > end) throw new Error(`not within ${timeoutMs / 1000} s: ${what}`);
    await sleep(50);
  }
}

/** Signs a token that permits edits, unless the claims say otherwise. */
export function makeToken(
  claims: Record<string, unknown> = {},
  { key = secretKey, expires = '1h' }: { key?: string; expires?: string } = {},
): Promise<string> {
  return new SignJWT({ sub: 'tester', scope: 'genes:write', jti: randomUUID(), ...claims })
    .setProtectedHeader({ alg: 'HS256' })
    .setIssuedAt(claims.iat as number | undefined)
    .setExpirationTime(expires)
    .sign(new TextEncoder().encode(key));
}

/** All genes of a selection, page by page. @param query such as `sort=name`; may be empty */
export async function listAll<T>(api: TestApi, query = ''): Promise<T[]> {
  const items: T[] = [];
  for (let next: string | null = `/genes?pageSize=200&${query}`; next !== null; ) {
    const page: { items: T[]; links: { next: string | null } } = await api.json(next);
    items.push(...page.items);
    next = page.links.next;
  }
  return items;
}

/** Symbols of a page of genes. */
export function symbolsOf({ items }: { items: { symbol: string }[] }): string[] {
  return items.map(({ symbol }) => symbol);
}
