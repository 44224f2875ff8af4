import { Client, type ClientConfig, Pool, types } from 'pg';
import type { Env } from '../env.ts';

/** PostgreSQL's type number of bigint; counts and change numbers stay far below 2^53. */
const bigintOid = 20;
const connectTimeoutMs = 3000;

/** The pools of the API. None ever ends the process: a broken connection is dropped and replaced. */
export interface Pools {
  /** Requests that read or write genes. */
  main: Pool;
  /** Short questions that must not queue behind slow searches: readiness, the data's version, metrics. */
  control: Pool;
  /** Changes that WebSockets missed: many come back at once, and nobody else waits for them. */
  live: Pool;
}

/**
 * How every connection is set up: limits on the server's side, and a client-side limit that also ends the wait for a
 * server that is paused or unreachable.
 *
 * @param purpose shown as application_name in pg_stat_activity
 * @param statementTimeoutMs longest a statement may run
 */
function connectionConfig(env: Env, purpose: string, statementTimeoutMs: number): ClientConfig {
  return {
    connectionString: env.databaseUrl,
    application_name: `kidney-genetics-backend ${purpose}`,
    connectionTimeoutMillis: connectTimeoutMs,
    statement_timeout: statementTimeoutMs,
    query_timeout: statementTimeoutMs + 1000,
    lock_timeout: Math.min(3000, statementTimeoutMs),
    idle_in_transaction_session_timeout: 30_000,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    // Searches are short: compiling them would take longer than running them.
    options: '-c TimeZone=UTC -c jit=off',
    types: {
      getTypeParser: (oid, format) =>
        oid === bigintOid && format !== 'binary' ? Number : types.getTypeParser(oid, format),
    },
  };
}

/**
 * Makes the pools; connections open when first asked for.
 *
 * @param onError told of connections that break while idle
 */
export function createPools(env: Env, onError: (error: Error) => void): Pools {
  /** Signs in with the user and password of now, not of when the pool was made. */
  class CurrentClient extends Client {
    constructor(config?: ClientConfig) {
      super({ ...config, connectionString: env.databaseUrl });
    }
  }
  const main = new Pool({
    Client: CurrentClient,
    ...connectionConfig(env, 'requests', env.statementTimeoutMs),
    max: env.poolMax,
    idleTimeoutMillis: 60_000,
    maxLifetimeSeconds: 3600,
  });
  const makeShort = (purpose: string, max: number) =>
    new Pool({
      Client: CurrentClient,
      ...connectionConfig(env, purpose, 2000),
      max,
      idleTimeoutMillis: 60_000,
    });
  const [control, live] = [makeShort('control', 2), makeShort('missed changes', 1)];
  // Without a listener, Node would end the process when PostgreSQL restarts. The pool's own hears of idle connections
  // alone; one that breaks in use, between two statements, fails the next of them.
  for (const pool of [main, control, live]) {
    pool.on('error', onError);
    pool.on('connect', (client) => client.on('error', () => {}));
  }
  return { main, control, live };
}

/** Closes all pools once their queries have ended. */
export async function endPools(pools: Pools): Promise<void> {
  await Promise.all([pools.main.end(), pools.control.end(), pools.live.end()]);
}

/** A single connection for work that holds on to its session: migrations, LISTEN. */
export function createClient(env: Env, purpose: string, statementTimeoutMs: number): Client {
  return new Client(connectionConfig(env, purpose, statementTimeoutMs));
}
