import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyBaseLogger } from 'fastify';
import type { Env } from '../env.ts';
import { retryPauseMs } from '../lib/backoff.ts';
import { createClient } from './connection.ts';
import { explainDatabaseFailure } from './failures.ts';
import { migrate } from './migrate.ts';
import { seed } from './seed.ts';

/** Migrations may rebuild indexes over many genes and wait for another backend that does so. */
const migrationTimeoutMs = 300_000;

/**
 * Waits for the database, however long that takes, then brings its schema up to date and loads the shipped genes. The two
 * start side by side: an operator reads once why it waits, and that the wait is over.
 *
 * @param onWait told why it waits, at each failed try
 * @param signal ends the waiting
 * @throws what no further try would fix, such as a migration that fails; the signal's reason when it ended
 */
export async function prepareDatabase(
  env: Env,
  log: FastifyBaseLogger,
  onWait: (reason: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const startedAt = performance.now();
  let told: string | null = null;
  for (let attempt = 1; ; attempt += 1) {
    try {
      await prepareOnce(env, log);
      if (told !== null) log.info({ attempt }, 'the database answers');
      return;
    } catch (error) {
      const reason = explainDatabaseFailure(error);
      if (reason === null) throw error;
      const retryInMs = retryPauseMs(performance.now() - startedAt);
      onWait(reason);
      const level = reason === told ? 'debug' : 'warn';
      log[level]({ attempt, retryInMs }, `waiting for the database: ${reason}`);
      told = reason;
      await sleep(retryInMs, undefined, { signal });
    }
  }
}

async function prepareOnce(env: Env, log: FastifyBaseLogger): Promise<void> {
  const client = createClient(env, 'migrations', migrationTimeoutMs);
  // Errors reach us through the queries; an unheard event would end the process.
  client.on('error', () => {});
  try {
    await client.connect();
    await client.query(`set lock_timeout = '${migrationTimeoutMs}ms'`);
    const files = await migrate(client);
    if (files.length > 0) log.info({ files }, 'schema migrated');
    const genes = await seed(client);
    if (genes > 0) log.info({ genes }, 'shipped genes loaded');
  } finally {
    await client.end().catch(() => {});
  }
}
