import { setTimeout as sleep } from 'node:timers/promises';
import plugin from 'fastify-plugin';
import { prepareDatabase } from '../db/bootstrap.ts';
import { createPools, endPools, type Pools } from '../db/connection.ts';
import { DataVersionReader } from '../db/data-version.ts';
import type { Env } from '../env.ts';
import { Problem } from '../lib/problem.ts';

/** The database as the rest of the API sees it. */
interface Database extends Pools {
  dataVersion: DataVersionReader;
  /** Null once the schema is ready; before that, why it is not. */
  waitingFor: string | null;
  /** Resolves when the schema is ready; rejects when it never will be. */
  prepared: Promise<void>;
  /** @throws Problem 503 as long as the schema is not ready */
  assertPrepared(): void;
}

declare module 'fastify' {
  interface FastifyInstance {
    database: Database;
  }
}

/** A server that does not answer must not hold up our own end. */
const endTimeoutMs = 1000;

/** Opens the pools, and prepares the schema in the background: the server answers (with 503) while it waits. */
export const database = plugin<{ env: Env }>(
  async (app, { env }) => {
    const pools = createPools(env, (error) =>
      app.log.warn({ reason: error.message }, 'idle database connection lost'),
    );
    const ending = new AbortController();
    const state: Database = {
      ...pools,
      dataVersion: new DataVersionReader(pools.control),
      waitingFor: 'the database has not been reached yet',
      prepared: Promise.resolve(),
      assertPrepared() {
        if (state.waitingFor === null) return;
        throw new Problem('unavailable', `The server is starting: ${state.waitingFor}.`, {
          headers: { 'retry-after': '2' },
        });
      },
    };
    const onWait = (reason: string) => {
      state.waitingFor = reason;
    };
    state.prepared = prepareDatabase(env, app.log, onWait, ending.signal).then(() => {
      state.waitingFor = null;
    });
    // Heard by whoever waits for it; without any, a failure would end the process unexplained.
    state.prepared.catch(() => {});
    app.decorate('database', state);
    app.addHook('onClose', async () => {
      ending.abort();
      await Promise.race([endPools(pools), sleep(endTimeoutMs, undefined, { ref: false })]);
    });
  },
  { name: 'database' },
);
