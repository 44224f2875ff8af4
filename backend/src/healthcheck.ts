/**
 * Container health probe, run by node: the image holds neither a shell nor curl.
 *
 * Exit code 0 when the API is ready, 1 when not. A server that answers nothing at all although it could is ended within this very
 * probe, so that the engine's restart policy starts it anew with its back-off (one that spins ends sooner, see watchdog.ts). Only
 * silence counts: while the database is away the API answers 503, and a restart would fix nothing.
 */
import { existsSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { countSilence, findServer, formatEnd, readSchedule } from './lib/liveness.ts';

/** With the start of node and the end of a server all this stays within the engine's 10 s, and users wait no longer than 12 s. */
const liveDeadlineMs = 1500;
const readyDeadlineMs = 4000;
const probeDeadlineMs = 7000;
const endDeadlineMs = 500;
/** A server that has yet to answer for the first time is asked again and again for this long: each start of a probe costs more. */
const startDeadlineMs = 2000;
const startPauseMs = 25;
/** On the container's tmpfs, which is new with every start: until it is there, the server is starting. */
const answeredFile = '/tmp/answered';
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

/** Asks until it answers, is hung, or this probe has no more time; the next one goes on then. */
async function askPatiently(): Promise<boolean> {
  const pid = findServer(program);
  const startedAt = performance.now();
  const readWaits = () => readSchedule(process.pid).waitedMs + (pid ? readSchedule(pid).waitedMs : 0);
  const waitedBefore = readWaits();
  for (;;) {
    if ((await ask('/api/health/live', liveDeadlineMs)) !== undefined) return true;
    const passedMs = performance.now() - startedAt;
    if (!existsSync(answeredFile) || pid === undefined) return false;
    // Nor is it the server's silence when this probe itself waits for a CPU.
    const waitedMs = readWaits() - waitedBefore;
    const { silentMs, hung } = countSilence(passedMs, waitedMs);
    console.error(`the API does not answer (${Math.round(silentMs)} ms)`);
    if (hung) await endServer(pid, silentMs);
    if (hung || passedMs > probeDeadlineMs) return false;
    await sleep(startPauseMs);
  }
}

/** SIGTERM first: a server that still hears it closes its connections. A blocked one does not. */
async function endServer(pid: number, silentMs: number): Promise<void> {
  const msg = `the API has not answered for ${Math.round(silentMs)} ms: ending it, to be started anew`;
  // Into the container's log, where nothing of a probe would appear by itself.
  writeFileSync('/proc/1/fd/2', formatEnd(msg));
  process.kill(pid, 'SIGTERM');
  await sleep(endDeadlineMs);
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It heard the first.
  }
}

/** Waits for a server that is starting; one that answered before is not waited for. */
async function untilStarted(): Promise<void> {
  const startedAt = performance.now();
  if (existsSync(answeredFile)) return;
  while ((await ask('/api/health/live', liveDeadlineMs)) === undefined) {
    if (performance.now() - startedAt > startDeadlineMs) return;
    await sleep(startPauseMs);
  }
}

async function probe(): Promise<void> {
  await untilStarted();
  const ready = ask('/api/health', readyDeadlineMs);
  if (!(await askPatiently())) process.exit(1);
  writeFileSync(answeredFile, '');
  const status = await ready;
  if (status !== 200) {
    console.error(status === undefined ? '/api/health takes too long' : `/api/health answered ${status}`);
    process.exitCode = 1;
  }
}

void probe();
