/**
 * Starts the API: reads the environment, listens, and ends cleanly on SIGTERM or SIGINT.
 */
import { readFileSync } from 'node:fs';
import closeWithGrace from 'close-with-grace';
import type { Logger } from 'pino';
import { buildApp } from './app.ts';
import { type Env, EnvError, readEnv } from './env.ts';
import { createLogger } from './log.ts';

/** Docker kills after its grace period; we are gone well before. */
const endTimeoutMs = 4800;

async function start(env: Env, logger: Logger): Promise<void> {
  const app = await buildApp(env, logger);
  closeWithGrace({ delay: endTimeoutMs, logger }, async ({ signal, err }) => {
    if (err) logger.fatal({ err }, 'ending after an unexpected error');
    else logger.info({ signal }, 'ending: open requests are finished first');
    await app.close();
    logger.info('ended');
    logger.flush();
  });
  await app.listen({ host: env.host, port: env.port });
  try {
    await app.database.prepared;
  } catch (error) {
    // Told to stop while it waited for the database.
    if (app.lifecycle.draining) return;
    throw error;
  }
  logger.info({ version: env.version, revision: env.revision }, 'ready');
}

try {
  const env = readEnv(process.env, (path) => readFileSync(path, 'utf8'));
  // What it throws, waiting would not mend: unhandled, it ends the server with exit code 1, see above. The engine's restart
  // policy and the operator take over.
  void start(env, createLogger(env));
} catch (error) {
  if (!(error instanceof EnvError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
