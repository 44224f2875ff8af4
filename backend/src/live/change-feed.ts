import { EventEmitter } from 'node:events';
import { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyBaseLogger } from 'fastify';
import type { Client, Pool } from 'pg';
import { createClient } from '../db/connection.ts';
import { explainDatabaseFailure } from '../db/failures.ts';
import type { Env } from '../env.ts';
import { listChanges } from '../genes/changes.ts';
import { backoffMs } from '../lib/backoff.ts';
import type { Change } from '../schemas/answers.ts';

interface FeedEvents {
  /** Changes that were committed since the last event, in order, without gaps. */
  changes: [changes: readonly Change[]];
  /** More happened than is worth telling one by one: everybody reads anew. */
  resync: [seq: number];
  /** Connected (again): the address on this machine from which the database is reached. */
  connected: [localAddress: string | undefined];
}

/** More changes than this at once are told as one `resync`: an import must not flood every client. */
export const maxBatch = 200;
/** Changes are gathered for this long, and told at most this often. */
const gatherMs = 100;
/** Finds changes whose notification got lost, and connections that died in silence. */
const pollMs = 10_000;

/**
 * Follows what any backend or import commits: waits for the database's notifications on a connection of its own, then
 * reads the table of changes. After a break it catches up from the table.
 */
export class ChangeFeed extends EventEmitter<FeedEvents> {
  /** Number of the last change that was told; null before the first contact. */
  position: number | null = null;
  connected = false;
  readonly #env: Env;
  readonly #pool: Pool;
  readonly #log: FastifyBaseLogger;
  readonly #ending = new AbortController();
  #client: Client | null = null;
  #pending = false;
  #pumping: Promise<void> | null = null;
  #running: Promise<void> | null = null;

  constructor(env: Env, pool: Pool, log: FastifyBaseLogger) {
    super();
    this.#env = env;
    this.#pool = pool;
    this.#log = log;
  }

  /** Begins to follow; returns at once. */
  start(): void {
    this.#running ??= this.#run();
  }

  /** Ends; nothing is told any more once it resolves. */
  async stop(): Promise<void> {
    this.#ending.abort();
    this.#hangUp();
    await this.#running;
  }

  async #run(): Promise<void> {
    for (let failures = 0; !this.#ending.signal.aborted; ) {
      try {
        await this.#listen(() => {
          failures = 0;
        });
      } catch (error) {
        if (this.#ending.signal.aborted) return;
        failures += 1;
        const reason = explainDatabaseFailure(error) ?? String(error);
        this.#log.warn({ reason, failures }, 'live changes interrupted');
      } finally {
        this.connected = false;
        this.#hangUp();
      }
      await sleep(backoffMs(failures), undefined, { signal: this.#ending.signal }).catch(() => {});
    }
  }

  /** Stays until the connection breaks, which it throws. */
  async #listen(onConnected: () => void): Promise<void> {
    const client = createClient(this.#env, 'live changes', 4000);
    this.#client = client;
    const broken = new Promise<never>((_resolve, reject) => {
      client.on('error', reject);
      client.on('end', () => reject(new Error('connection ended')));
    });
    broken.catch(() => {});
    await client.connect();
    client.on('notification', () => this.#wake());
    await client.query('listen genes_changed');
    await this.#pump();
    this.connected = true;
    onConnected();
    const { stream } = client.connection;
    this.emit('connected', stream instanceof Socket ? stream.localAddress : undefined);
    for (;;) {
      await Promise.race([broken, sleep(pollMs, undefined, { signal: this.#ending.signal })]);
      const { rows } = await client.query<{ seq: number }>('select seq from data_state');
      if (rows[0]?.seq !== this.position) this.#wake();
    }
  }

  #hangUp(): void {
    const client = this.#client;
    this.#client = null;
    if (client) hangUpClient(client);
  }

  #wake(): void {
    this.#pending = true;
    this.#pumping ??= this.#pumpAll().finally(() => {
      this.#pumping = null;
    });
  }

  async #pumpAll(): Promise<void> {
    while (this.#pending && !this.#ending.signal.aborted) {
      await sleep(gatherMs, undefined, { signal: this.#ending.signal }).catch(() => {});
      this.#pending = false;
      try {
        await this.#pump();
      } catch (error) {
        // The next poll, or the reconnect that is under way, tries again.
        this.#log.warn(
          { reason: explainDatabaseFailure(error) ?? String(error) },
          'changes could not be read',
        );
      }
    }
  }

  async #pump(): Promise<void> {
    const { position } = this;
    const { items, latest, complete } = await listChanges(
      this.#pool,
      position ?? Number.MAX_SAFE_INTEGER,
      maxBatch + 1,
    );
    this.position = latest;
    if (position !== null && !this.#ending.signal.aborted) {
      if (!complete || items.length > maxBatch) this.emit('resync', latest);
      else if (items.length > 0) this.emit('changes', items);
    }
  }
}

/** Cuts the connection. Not end(): a server that does not answer would keep us waiting. */
function hangUpClient(client: Client): void {
  client.connection.stream.destroy();
}
