/**
 * Container health probe, run by node: the image holds neither a shell nor curl.
 *
 * Exit code 0 when the API is ready, 1 when not. A server that answers nothing at all for several probes in a row (its
 * event loop is blocked) is ended, so that the engine's restart policy starts it anew with its back-off. Only silence
 * counts: while the database is away the API answers 503, and a restart would fix nothing.
 */
import { writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { countSilence, findServer, readSilence, writeSilence } from './lib/liveness.ts';

/** With the start of node and the end of a server all this stays within the engine's 10 s for a probe. */
const liveDeadlineMs = 2500;
const readyDeadlineMs = 4000;
const endDeadlineMs = 1000;
/** A server that has yet to answer for the first time is asked again and again for this long: each start of a probe costs more. */
const startDeadlineMs = 2000;
const startPauseMs = 25;
const silenceFile = '/tmp/silent-probes';
const program = '/app/server.js';

/** @returns the status of the answer; undefined without one */
function ask(path: string, deadlineMs: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const port = Number(process.env.PORT || 8000);
    const request = get({ host: '127.0.0.1', port, path, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    request.on('error', () => resolve(undefined));
    setTimeout(() => request.destroy(new Error('too late')), deadlineMs).unref();
  });
}

/** SIGTERM first: a server that still hears it closes its connections. A blocked one does not. */
async function endServer(): Promise<void> {
  const pid = findServer(program);
  if (pid === undefined) return;
  tell(`the API has not answered ${readSilence(silenceFile)} probes in a row: ending it, to be started anew`);
  process.kill(pid, 'SIGTERM');
  await sleep(endDeadlineMs);
  process.kill(pid, 'SIGKILL');
}

/** Writes into the container's log, where nothing of a probe would appear by itself. */
function tell(msg: string): void {
  const time = new Date().toISOString();
  const text = process.env.LOG_FORMAT?.toLowerCase() === 'text';
  const line = text ? `${time} ERROR ${msg}` : JSON.stringify({ level: 'error', time, msg });
  writeFileSync('/proc/1/fd/2', `${line}\n`);
}

/** Waits for a server that is starting; one that answered before is not waited for. */
async function untilStarted(): Promise<void> {
  const startedAt = performance.now();
  if (readSilence(silenceFile) !== null) return;
  while ((await ask('/api/health/live', liveDeadlineMs)) === undefined) {
    if (performance.now() - startedAt > startDeadlineMs) return;
    await sleep(startPauseMs);
  }
}

async function probe(): Promise<void> {
  await untilStarted();
  const ready = ask('/api/health', readyDeadlineMs);
  const live = await ask('/api/health/live', liveDeadlineMs);
  const { silent, end } = countSilence(readSilence(silenceFile), live !== undefined);
  writeSilence(silenceFile, silent);
  if (live === undefined) {
    console.error(`the API does not answer${silent === null ? ' yet' : ` (${silent} in a row)`}`);
    if (end) await endServer();
    process.exit(1);
  }
  const status = await ready;
  if (status !== 200) {
    console.error(status === undefined ? '/api/health takes too long' : `/api/health answered ${status}`);
    process.exitCode = 1;
  }
}

void probe();
