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
  await app.database.prepared;
  logger.info({ version: env.version, revision: env.revision }, 'ready');
}

try {
  const env = readEnv(process.env, (path) => readFileSync(path, 'utf8'));
  const logger = createLogger(env);
  start(env, logger).catch((error: unknown) => {
    // Nothing that waiting would mend: the engine's restart policy and the operator take over.
    logger.fatal({ err: error }, 'cannot start');
    process.exitCode = 1;
    process.kill(process.pid, 'SIGTERM');
  });
} catch (error) {
  if (!(error instanceof EnvError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
