/**
 * Starts the API: reads the environment, listens, and ends cleanly on SIGTERM or SIGINT.
 * SIGUSR2 tells it that another server takes over: it goes on answering, closes each connection with its answer, and sends
 * the WebSockets away. SIGHUP sends the WebSockets away and nothing else, for when nginx in front of it is replaced.
 */
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import closeWithGrace from 'close-with-grace';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { buildApp } from './app.ts';
import { type Env, EnvError, readEnv } from './env.ts';
import { createLogger, openOutput } from './log.ts';

/** Docker kills after its grace period; we are gone well before. With another server in our place there is more time. */
const endTimeoutMs = 4800;
const leaveTimeoutMs = 35_000;
/** How often the event loop tells that it turns. */
const beatMs = 250;
/** Over how long WebSockets are sent away. */
const disperseMs = 2000;
/** The port stays closed until the server is ready, so that proxies pass it by; after this long, callers are told why. */
const quietStartMs = 10_000;

async function start(env: Env, logger: Logger, endLog: () => Promise<void>): Promise<void> {
  const app = await buildApp(env, logger);
  closeWithGrace({ delay: false, logger, skip: ['SIGUSR2', 'SIGHUP'] }, async ({ signal, err }) => {
    setTimeout(() => process.exit(1), app.lifecycle.leaving ? leaveTimeoutMs : endTimeoutMs).unref();
    if (err) logger.fatal({ err }, 'ending after an unexpected error');
    else logger.info({ signal }, 'ending: open requests are finished first');
    await app.close();
    logger.info('ended');
    await endLog();
  });
  followSignals(app);
  const ready = Promise.all([app.database.prepared, once(app.changeFeed, 'connected'), app.geneIndexLoaded]);
  ready.catch(() => {});
  // Schemas are compiled while the database is asked.
  await app.ready();
  await Promise.race([ready, sleep(quietStartMs, undefined, { ref: false })]);
  await app.listen({ host: env.host || everyAddress(), port: env.port });
  try {
    await app.database.prepared;
  } catch (error) {
    // Told to stop while it waited for the database.
    if (app.lifecycle.draining) return;
    throw error;
  }
  logger.info({ version: env.version, revision: env.revision }, 'ready');
  // A debugger holds the event loop for as long as it likes.
  if (process.env.NODE_ENV === 'production') startWatchdog();
}

/** Starts the thread of watchdog.ts, which sees by the beats that the event loop turns. */
function startWatchdog(): void {
  const beats = new Int32Array(new SharedArrayBuffer(4));
  const file = new URL('./watchdog.js', import.meta.url);
  const resourceLimits = { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 2 };
  new Worker(file, { workerData: beats, resourceLimits, execArgv: [] }).unref();
  setInterval(() => Atomics.add(beats, 0, 1), beatMs).unref();
}

/** Takes IPv4 as well, and is refused where the kernel has no IPv6. */
function everyAddress(): string {
  return existsSync('/proc/net/if_inet6') ? '::' : '0.0.0.0';
}

function followSignals(app: FastifyInstance): void {
  process.on('SIGUSR2', () => {
    app.log.info('leaving: another server takes over');
    app.lifecycle.leaving = true;
    app.live.disperse(disperseMs);
  });
  process.on('SIGHUP', () => {
    app.log.info('sending the WebSockets away');
    app.live.disperse(disperseMs);
  });
}

try {
  const env = readEnv(process.env, (path) => readFileSync(path, 'utf8'));
  // What it throws, waiting would not fix: unhandled, it ends the server with exit code 1, see above. The engine's restart
  // policy and the operator take over.
  const { lines, end } = openOutput();
  void start(env, createLogger(env, lines), end);
} catch (error) {
  if (!(error instanceof EnvError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
