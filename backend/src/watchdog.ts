/**
 * Runs beside the server, in a thread of its own: ends the process when its event loop has spun in one turn for too long, so that
 * the engine starts it anew. CPU is what counts, not time: on a host that is busy beyond its CPUs a server that is well gets little
 * of it and turns all the same, and the container's probe, which comes from outside, cannot tell the two apart there: it is starved
 * itself. What hangs without using a CPU is the probe's.
 */
import { writeSync } from 'node:fs';
import { workerData } from 'node:worker_threads';
import { formatEnd, maxTurnMs, readSchedule, TurnMeter } from './lib/liveness.ts';

const lookEveryMs = 250;
const beats = workerData as Int32Array;
const meter = new TurnMeter();

setInterval(() => {
  const turnMs = meter.measure(Atomics.load(beats, 0), readSchedule(process.pid).ranMs);
  if (turnMs < maxTurnMs) return;
  const msg = `the event loop has been blocked for ${Math.round(turnMs)} ms of CPU: ending the API, to be started anew`;
  try {
    writeSync(2, formatEnd(msg));
  } finally {
    process.kill(process.pid, 'SIGKILL');
  }
}, lookEveryMs);
