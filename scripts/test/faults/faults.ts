import { setTimeout as sleep } from 'node:timers/promises';
import { mustRun } from '../../lib/process/shell.ts';
import { until } from '../e2e/harness.ts';
import { timeRestart, whileBusy } from './busy.ts';
import { execNode, killAll, killFromHost, runInServer, unplug } from './inside.ts';
import { checkLogFiles } from './log-files.ts';
import type { AskedKind } from './outage.ts';
import type { FaultStage } from './stage.ts';

const HINT = 'see the output above';
const LOG_LINE = 'x'.repeat(1000);
const IDLE_CONNECTIONS = 5000;

/** How long and how much; the tests take less of it than the report. */
export interface Size {
  pauseMs: number;
  floodBytes: number;
  /** How long the host is busy. */
  busyMs: number;
}

/** Something that goes wrong. */
export interface Fault {
  title: string;
  /** Brings it about and, where it does not end by itself, ends it; resolves when the cause is over. */
  cause(stage: FaultStage, size: Size): Promise<void>;
  /** Containers that have to be started anew for it. */
  restarts?: readonly ('frontend' | 'backend' | 'postgres')[];
  /** Nothing must be started anew for it. */
  restartsNothing?: true;
  /** What users must see nothing of. */
  spares: readonly AskedKind[];
  /** Its users come from outside the engine: those in a container would go with it, and see nothing. */
  outside?: true;
  /** Tried for the report alone. */
  slow?: true;
  /** How prod-health names it afterwards. */
  named?: RegExp;
  /** A finding of its own, for the table. */
  find?(stage: FaultStage): Promise<string>;
}

/** How long it took on a busy host until a hung program was started anew, in seconds. */
const restartSeconds = { backend: 0, frontend: 0 };

export const FAULTS: readonly Fault[] = [
  {
    title: 'frontend killed (kill -9)',
    cause: ({ stack }) => killFromHost(stack.name('frontend')),
    restarts: ['frontend'],
    spares: [],
  },
  {
    title: 'backend killed (kill -9)',
    cause: ({ stack }) => killFromHost(stack.name('backend')),
    restarts: ['backend'],
    spares: ['page'],
  },
  {
    title: 'database killed (kill -9)',
    cause: ({ stack }) => killFromHost(stack.name('postgres')),
    restarts: ['postgres'],
    spares: ['page'],
  },
  {
    title: 'all three killed at once, as a power cut does',
    cause: ({ stack }) => killAll(stack),
    restarts: ['frontend', 'backend', 'postgres'],
    spares: [],
  },
  {
    title: 'backend out of memory',
    cause: ({ stack }) =>
      runInServer(stack, 'globalThis.hoard = []; for (;;) hoard.push(Buffer.alloc(1e7, 1))'),
    restarts: ['backend'],
    // Healed quickly from the faults before it, it has restarted often enough for a loop.
    named:
      /-backend: out of memory .* ago, restart(?:ed (?:once|\d+ times) in| loop \().*exit code 137\)?; its limit is 1 GiB; well again/,
    spares: ['page'],
  },
  {
    title: 'event loop of the backend blocked',
    cause: ({ stack }) => runInServer(stack, 'for (;;);'),
    restarts: ['backend'],
    spares: ['page'],
  },
  {
    title: 'nginx hung',
    cause: ({ stack }) => hangNginx(stack.name('frontend')),
    restarts: ['frontend'],
    spares: [],
  },
  {
    title: 'database paused',
    cause: async ({ stack }, { pauseMs }) => {
      await mustRun(['docker', 'pause', stack.name('postgres')], HINT);
      await sleep(pauseMs);
      await mustRun(['docker', 'unpause', stack.name('postgres')], HINT);
    },
    spares: ['page'],
  },
  {
    title: 'process of the database killed in mid-write',
    cause: killWriter,
    spares: ['page'],
  },
  {
    title: 'disk of the database full',
    cause: fillDisk,
    spares: ['page'],
  },
  {
    title: 'connections of the database exhausted',
    cause: exhaustConnections,
    spares: ['page'],
  },
  {
    title: 'network to the database cut',
    cause: ({ stack }, { pauseMs }) =>
      unplug(stack, `${stack.settings.prefix}-internal`, ['postgres'], () => sleep(pauseMs)),
    spares: ['page'],
  },
  {
    title: 'network of the proxy disconnected',
    cause: ({ stack }) => unplug(stack, stack.settings.network, ['frontend', 'backend'], () => sleep(3000)),
    spares: [],
  },
  {
    title: 'log flood',
    cause: ({ stack }, { floodBytes }) => floodLog(stack.name('frontend'), floodBytes),
    spares: ['page', 'search', 'edit'],
    find: ({ stack }) => checkLogFiles(stack.name('frontend')),
  },
  {
    title: `client that opens ${IDLE_CONNECTIONS} connections and sends nothing`,
    cause: (stage) =>
      openIdleConnections(stage, { host: 'kidney-genetics-frontend-service', port: 80, untilClosed: true }),
    spares: ['page', 'search', 'edit'],
  },
  {
    title: `neighbour on the proxy's network that opens ${IDLE_CONNECTIONS} connections to the API itself`,
    cause: (stage) =>
      openIdleConnections(stage, { host: 'kidney-genetics-backend-service', port: 8000, untilClosed: false }),
    spares: ['page'],
    slow: true,
  },
  {
    title: 'every CPU at 100 % and the disk busy',
    cause: (stage, { busyMs }) => whileBusy(stage, () => sleep(busyMs)),
    restartsNothing: true,
    spares: [],
    slow: true,
  },
  {
    title: 'event loop of the backend blocked while every CPU is busy',
    cause: (stage) =>
      whileBusy(stage, async () => {
        const block = () => runInServer(stage.stack, 'for (;;);');
        restartSeconds.backend = await timeRestart(stage, 'backend', block);
      }),
    restarts: ['backend'],
    spares: [],
    find: async () => `started anew after ${restartSeconds.backend} s`,
    slow: true,
  },
  {
    title: 'nginx hung while every CPU is busy',
    cause: (stage) =>
      whileBusy(stage, async () => {
        const hang = () => hangNginx(stage.stack.name('frontend'));
        restartSeconds.frontend = await timeRestart(stage, 'frontend', hang);
      }),
    restarts: ['frontend'],
    spares: [],
    find: async () => `started anew after ${restartSeconds.frontend} s`,
    slow: true,
  },
];

/** Every process of nginx stands still, as on a disk that does not answer. */
async function hangNginx(container: string): Promise<void> {
  const processes = await mustRun(['docker', 'top', container, '-o', 'pid,args'], HINT);
  for (const [, pid] of processes.matchAll(/^\s*(\d+)\s+nginx: /gm)) process.kill(Number(pid), 'SIGSTOP');
}

/** Kills a process in the middle of a large write; the server then throws all connections out and recovers. */
async function killWriter({ stack }: FaultStage): Promise<void> {
  // The last row takes its time: the rest is written and not committed when the process is killed.
  const row = `CASE n WHEN 500000 THEN pg_sleep(60)::text ELSE md5(n::text) END`;
  const write = `CREATE TABLE mid_write AS SELECT n, ${row} FROM generate_series(1, 500000) AS n`;
  const writing = stack.sql(write).catch(() => undefined);
  const find = `SELECT pid FROM pg_stat_activity WHERE query LIKE 'CREATE TABLE mid_write%' AND wait_event = 'PgSleep'`;
  let pid = '';
  await until('the write is under way', 30_000, async () => {
    pid = await stack.sql(find);
    return pid !== '';
  });
  await mustRun(['docker', 'exec', stack.name('postgres'), 'bash', '-c', 'kill -9 "$0"', pid], HINT);
  await writing;
}

/** Full to the last byte, and the server made to need a new file of its log: it stops and cannot start. */
async function fillDisk(stage: FaultStage, { pauseMs }: Size): Promise<void> {
  await stage.fillDisk();
  for (const end = Date.now() + pauseMs; Date.now() < end; ) {
    await stage.stack
      .sql('SELECT pg_switch_wal(); SELECT pg_logical_emit_message(true, $$a$$, $$b$$)')
      .catch(() => undefined);
    await sleep(200);
  }
  stage.freeDisk();
}

/** Takes every connection there is without ever signing in, and throws out those that the API has. */
async function exhaustConnections({ stack }: FaultStage, { pauseMs }: Size): Promise<void> {
  const ending = stack.sql(
    `SELECT pg_sleep(3);
     SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'kidney-genetics-backend-service%'`,
  );
  await sleep(1000);
  const holding = execNode(
    stack,
    `import { connect } from 'node:net';
     const parameters = Buffer.from('user\\0kidney_user\\0database\\0kidney_genetics\\0\\0');
     const head = Buffer.alloc(8);
     head.writeInt32BE(parameters.length + 8, 0);
     head.writeInt32BE(196608, 4);
     const hold = () => {
       const socket = connect(5432, 'kidney-genetics-postgres', () => socket.write(Buffer.concat([head, parameters])));
       socket.on('error', () => undefined);
       socket.on('close', () => setTimeout(hold, 20));
       socket.resume();
     };
     for (let i = 0; i < 60; i += 1) hold();
     setTimeout(() => process.exit(0), ${pauseMs});`,
  );
  await Promise.all([ending, holding]);
}

/** As fast as the engine takes it. */
async function floodLog(container: string, bytes: number): Promise<void> {
  const flood = `yes "$0" | head -c "$1" > /proc/1/fd/1`;
  await mustRun(['docker', 'exec', container, 'bash', '-c', flood, LOG_LINE, String(bytes)], HINT);
}

/** Holds them for a few seconds, or until the other side has closed them all. */
async function openIdleConnections(
  { stack }: FaultStage,
  { host, port, untilClosed }: { host: string; port: number; untilClosed: boolean },
): Promise<void> {
  const code = `
    import { connect } from 'node:net';
    const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
    let open = 0, most = 0;
    for (let i = 0; i < ${IDLE_CONNECTIONS}; i += 1) {
      const socket = connect({ host: '${host}', port: ${port} });
      socket.on('connect', () => { open += 1; most = Math.max(open, most); });
      socket.on('error', () => undefined);
      socket.on('close', () => { open -= 1; });
      socket.resume();
      if (i % 100 === 0) await pause(20);
    }
    await pause(3000);
    for (let tries = 0; ${untilClosed} && open > 0 && tries < 300; tries += 1) await pause(100);
    console.log(most, open);
    process.exit(0);`;
  const place = ['--name', `${stack.settings.prefix}-idle`, '--network', stack.settings.network];
  const image = `${stack.settings.prefix}-backend:latest`;
  const printed = await mustRun(
    [
      ...['docker', 'run', '--rm', '--init', '--ulimit', 'nofile=20000', ...place, image],
      ...['node', '--input-type=module', '-e', code],
    ],
    HINT,
    { timeoutMs: 90_000 },
  );
  const [most = 0, left = 0] = printed.split(' ').map(Number);
  // On a busy machine the first are closed for their silence before the last are open.
  if (most < 0.3 * IDLE_CONNECTIONS) throw new Error(`Only ${most} connections were open at once`);
  if (untilClosed && left > 0) throw new Error(`${left} connections that send nothing are still open`);
}
