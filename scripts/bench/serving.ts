import { readUsage } from '../lib/docker/usage.ts';
import { DescribedError } from '../lib/process/errors.ts';
import { alternate } from './lib/alternate.ts';
import { type Load, putLoad } from './lib/load.ts';
import type { Goal, Row } from './lib/measure.ts';
import { ServingStage } from './lib/stage.ts';
import { browse, countBytes } from './lib/visit.ts';

/** The specification's nginx section, as it is written. */
const PEER = 'specification';
const SECONDS = 2;

interface Sample extends Load {
  /** CPU of the nginx container for one request. */
  cpuMicros: number;
}

/** Requests/s, latency, CPU and bytes: our nginx beside the specification's, both in front of the same backend. */
export async function measureServing(runs: number): Promise<Row[]> {
  return ServingStage.with(async (stage) => {
    const script = await findScript(stage);
    const asset = await sample(stage, runs, script, 16);
    const page = await sample(stage, runs, '/', 16);
    const api = await sample(stage, runs, '/api/v1/genes', 8);
    // The same nginx with nothing to look up, read, compress or ask.
    const constant = await sample(stage, runs, '/health', 16);
    const limit = { name: 'constant', values: constant.ours.map(rate) };
    return [
      compare('Hashed script, compressed', asset, rate, 'requests/s', { of: 'ratio', atLeast: 2 }),
      compare('Index page', page, rate, 'requests/s', { of: 'ratio', atLeast: 1 }),
      compare('API through nginx', api, rate, 'requests/s', { of: 'ratio', atLeast: 1.5 }),
      compare('API through nginx, 99 of 100 within', api, (one) => one.p99Ms, 'ms', {
        of: 'ratio',
        atMost: 0.7,
      }),
      ...(await measureVisits(stage)),
      {
        what: 'Bytes of the hashed script, head included',
        unit: 'B',
        ours: [await countBytes(stage.ours, script)],
        peer: { name: PEER, values: [await countBytes(stage.peer, script)] },
      },
      compare('CPU of nginx for a hashed script', asset, cpu, 'µs CPU'),
      compare('CPU of nginx for the index page', page, cpu, 'µs CPU'),
      compare('CPU of nginx for an API request', api, cpu, 'µs CPU'),
      {
        what: 'Limit: hashed script beside a constant',
        unit: 'requests/s',
        ours: asset.ours.map(rate),
        peer: limit,
      },
      {
        what: 'Limit: index page beside a constant',
        unit: 'requests/s',
        ours: page.ours.map(rate),
        peer: limit,
      },
      { what: 'Limit: API beside a constant', unit: 'requests/s', ours: api.ours.map(rate), peer: limit },
    ];
  });
}

const rate = (one: Sample) => one.requestsPerSecond;
const cpu = (one: Sample) => one.cpuMicros;

async function sample(stage: ServingStage, runs: number, path: string, connections: number) {
  const measure = async (site: string, container: string): Promise<Sample> => {
    const before = await readUsage(container);
    const load = await putLoad(`${site}${path}`, { seconds: SECONDS, connections });
    const after = await readUsage(container);
    const used = (after?.cpuSeconds ?? Number.NaN) - (before?.cpuSeconds ?? Number.NaN);
    return { ...load, cpuMicros: (used / load.requests) * 1e6 };
  };
  // Unmeasured, because the backend compiles what it runs often, and whoever comes first would pay for both.
  for (const site of [stage.ours, stage.peer]) await putLoad(`${site}${path}`, { seconds: 1, connections });
  return alternate(runs, {
    ours: () => measure(stage.ours, stage.stack.name('frontend')),
    peer: () => measure(stage.peer, stage.peerName),
  });
}

function compare(
  what: string,
  found: { ours: Sample[]; peer: Sample[] },
  read: (one: Sample) => number,
  unit: Row['unit'],
  goal?: Goal,
): Row {
  const row = { what, unit, ours: found.ours.map(read), peer: { name: PEER, values: found.peer.map(read) } };
  return goal ? { ...row, goal } : row;
}

/** Bytes do not vary: counted once. */
async function measureVisits(stage: ServingStage): Promise<Row[]> {
  const [ours, peer] = [await browse(stage.ours), await browse(stage.peer)];
  const row = (what: string, visit: 'first' | 'second', goal: Goal): Row => ({
    what,
    unit: 'B',
    ours: [ours[visit]],
    peer: { name: PEER, values: [peer[visit]] },
    goal,
  });
  return [
    row('Bytes of a first visit, heads included', 'first', { of: 'ratio', atMost: 0.9 }),
    row('Bytes of a second visit, heads included', 'second', { of: 'value', atMost: 2000 }),
  ];
}

async function findScript(stage: ServingStage): Promise<string> {
  const page = await (await fetch(`${stage.ours}/`)).text();
  const path = /src="(\/assets\/[^"]+\.js)"/.exec(page)?.[1];
  if (!path) throw new DescribedError('The page names no hashed script', 'make prod-build');
  return path;
}
