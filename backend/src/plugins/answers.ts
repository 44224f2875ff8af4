import type { FastifyReply, FastifyRequest } from 'fastify';
import plugin from 'fastify-plugin';
import { LRUCache } from 'lru-cache';
import type { DataVersion } from '../db/data-version.ts';
import type { Env } from '../env.ts';
import { makeEtag, matchesEtag } from '../lib/etag.ts';

/** An answer as it goes over the wire. */
interface Answer {
  body: Buffer;
  /** Null when the data changed under our hands again and again: sent, but not to be kept. */
  etag: string | null;
}

interface AnswerOptions<T> {
  /** By which the answer is known: one form for all ways to write the address, with all of the query that counts. */
  address: string;
  /** Reads what the answer holds, at least as new as a version; runs only when the answer is not at hand. */
  load: (version: DataVersion) => Promise<T>;
  /** Writes the answer as JSON where the route's schema does not. */
  write?: (content: T) => string;
  /** Version of the content when it changes less often than the data as a whole. */
  versionOf?: (content: T) => readonly number[];
}

declare module 'fastify' {
  interface FastifyInstance {
    answers: Answers;
  }
}

const maxBytes = 48 * 1024 * 1024;
const maxAnswerBytes = 1024 * 1024;
const maxAttempts = 3;

/**
 * Answers questions about the data from memory as long as they are right: every request first learns the data's version
 * from the database, and an answer counts only for the version it was made from. Identical questions at the same moment
 * are worked out once.
 */
class Answers {
  readonly stats = { hits: 0, misses: 0 };
  readonly #readVersion: () => Promise<DataVersion>;
  readonly #release: string;
  readonly #kept = new LRUCache<string, Answer>({ maxSize: maxBytes, maxEntrySize: maxAnswerBytes });
  readonly #underWay = new Map<string, Promise<Answer>>();

  /**
   * @param readVersion asks for the version of the data, no older than the call
   * @param release tells releases apart, which may write the same data differently
   */
  constructor(readVersion: () => Promise<DataVersion>, release: string) {
    this.#readVersion = readVersion;
    this.#release = release;
  }

  /**
   * Answers a GET whose content depends on the address and the data alone: 304 when the client has it, else JSON as the
   * route's schema says, with a strong validator.
   */
  async send<T>(request: FastifyRequest, reply: FastifyReply, options: AnswerOptions<T>): Promise<void> {
    const version = await this.#readVersion();
    reply.header('cache-control', 'public, no-cache');
    const expected = request.headers['if-none-match'];
    const { address } = options;
    if (expected !== undefined && !options.versionOf) {
      const etag = this.tag(address, [version.seq, version.changedAt]);
      if (matchesEtag(expected, etag)) return sendUnchanged(reply, etag);
    }
    const { body, etag } = await this.#find(address, reply, version, options);
    if (etag === null) reply.header('cache-control', 'no-store');
    else if (expected !== undefined && matchesEtag(expected, etag)) return sendUnchanged(reply, etag);
    else reply.header('etag', etag);
    reply.type('application/json; charset=utf-8').send(body);
  }

  async #find<T>(
    address: string,
    reply: FastifyReply,
    version: DataVersion,
    options: AnswerOptions<T>,
  ): Promise<Answer> {
    const key = `${version.seq} ${version.changedAt} ${address}`;
    const kept = this.#kept.get(key);
    if (kept !== undefined) {
      this.stats.hits += 1;
      return kept;
    }
    let making = this.#underWay.get(key);
    if (making === undefined) {
      this.stats.misses += 1;
      making = this.#make(address, reply, version, options).finally(() => this.#underWay.delete(key));
      this.#underWay.set(key, making);
    }
    return making;
  }

  /** Reads until the version is the same before and after: then all of the content comes from that version. */
  async #make<T>(
    address: string,
    reply: FastifyReply,
    version: DataVersion,
    { load, versionOf, write }: AnswerOptions<T>,
  ): Promise<Answer> {
    let before = version;
    for (let attempt = 1; ; attempt += 1) {
      const content = await load(before);
      const after = await this.#readVersion();
      const body = Buffer.from(write?.(content) ?? (reply.serialize(content) as string));
      if (after.seq === before.seq && after.changedAt === before.changedAt) {
        const etag = this.tag(address, versionOf?.(content) ?? [after.seq, after.changedAt]);
        const answer = { body, etag };
        const key = `${after.seq} ${after.changedAt} ${address}`;
        this.#kept.set(key, answer, { size: body.length + 2 * key.length });
        return answer;
      }
      if (attempt === maxAttempts) return { body, etag: null };
      before = after;
    }
  }

  /** @returns the strong validator of the answer at an address, for a version of its content */
  tag(address: string, version: readonly number[]): string {
    return makeEtag(version, `${this.#release} ${address}`);
  }
}

/** The address of a request without its query. */
export function pathOf({ originalUrl }: FastifyRequest): string {
  return originalUrl.split('?', 1)[0] ?? '';
}

function sendUnchanged(reply: FastifyReply, etag: string): void {
  reply.header('etag', etag).code(304).send();
}

/** Makes `app.answers`. */
export const answers = plugin<{ env: Env }>(
  async (app, { env }) => {
    app.decorate(
      'answers',
      new Answers(() => app.database.dataVersion.read(), `${env.version} ${env.revision}`),
    );
  },
  { name: 'answers', dependencies: ['database'] },
);
