import { readdirSync, readFileSync, readlinkSync, realpathSync } from 'node:fs';
import { ENGINE_LOG, startDetached, waitForEngine } from '../../lib/host/engine.ts';
import { mustRun, run } from '../../lib/process/shell.ts';
import { until } from '../e2e/harness.ts';
import type { Fault } from './faults.ts';

/** It gives its containers their own time to stop, the database a minute. */
const STOP_MS = 120_000;
const LIVE_RESTORE = '--live-restore';

/** The process of an engine, and what it takes to start the same again. */
interface Engine {
  pid: number;
  argv: string[];
  env: Record<string, string>;
  log: string;
  /** The unit of systemd that runs it. */
  unit: string | undefined;
}

/** The faults of an engine that is restarted. */
interface EngineFaults {
  faults: readonly Fault[];
  /** Lets the engine go on as it was found. */
  putBack(): Promise<void>;
}

/**
 * Only on a host of one's own: every container of the host stops with the engine, unless live-restore is on. An engine that
 * systemd runs is restarted as it is set; any other is given live-restore as well, for the second of two restarts.
 */
export async function planEngineFaults(): Promise<EngineFaults> {
  const found = await findEngine();
  const argv = (await keepsContainers()) ? found.argv : [...found.argv, LIVE_RESTORE];
  const off: Fault = {
    title: 'engine restarted, live-restore off',
    cause: () => restart(argv),
    restarts: ['frontend', 'backend', 'postgres'],
    spares: [],
    outside: true,
  };
  const on: Fault = {
    title: 'engine restarted, live-restore on',
    async cause() {
      if (!(await keepsContainers())) throw new Error('live-restore is off: try the restart before as well');
      await restart(argv);
    },
    spares: ['page', 'search', 'edit'],
    outside: true,
  };
  if (await keepsContainers()) return { faults: [on], putBack: async () => undefined };
  if (found.unit) return { faults: [off], putBack: async () => undefined };
  const putBack = async () => ((await keepsContainers()) ? restart(found.argv) : undefined);
  return { faults: [off, on], putBack };
}

async function keepsContainers(): Promise<boolean> {
  const { stdout } = await run(['docker', 'info', '--format', '{{.LiveRestoreEnabled}}']);
  return stdout.trim() === 'true';
}

/** Ends the engine as its package's update does, and starts it anew. */
async function restart(argv: readonly string[]): Promise<void> {
  const { pid, unit, env, log } = await findEngine();
  if (unit) {
    await mustRun(['systemctl', 'restart', unit], `journalctl -u ${unit}`);
    return;
  }
  process.kill(pid, 'SIGTERM');
  await until('the engine has ended', STOP_MS, async () => readName(pid) !== 'dockerd');
  await startDetached(argv, log, env);
  if (!(await waitForEngine(() => true))) throw new Error(`The engine does not answer; its log: ${log}`);
}

/** The engine that the Docker client talks to here, by the process that listens at its socket. */
async function findEngine(): Promise<Engine> {
  const socket = await findSocket();
  const inodes = listListening(socket);
  const pid = readdirSync('/proc')
    .map(Number)
    .find(
      (one) => one > 0 && readName(one) === 'dockerd' && listSockets(one).some((inode) => inodes.has(inode)),
    );
  if (!pid) throw new Error(`No engine of this host listens at ${socket}`);
  const [, unit] = /\/(docker[^/\n]*\.service)/.exec(readFileSync(`/proc/${pid}/cgroup`, 'utf8')) ?? [];
  const log = readlinkSync(`/proc/${pid}/fd/2`);
  return {
    pid,
    unit,
    argv: readList(pid, 'cmdline'),
    env: Object.fromEntries(readList(pid, 'environ').map((pair) => pair.split(/=(.*)/s).slice(0, 2))),
    log: log.startsWith('/') && !log.startsWith('/dev/') ? log : ENGINE_LOG,
  };
}

async function findSocket(): Promise<string> {
  const context = ['docker', 'context', 'inspect', '--format', '{{.Endpoints.docker.Host}}'];
  const host = process.env.DOCKER_HOST || (await mustRun(context, 'docker context ls')).trim();
  if (!host.startsWith('unix://')) throw new Error(`${host} is not an engine of this host`);
  return realpathSync(host.slice('unix://'.length));
}

/** The inodes of the sockets that listen at a path, see proc_net(5). */
function listListening(path: string): Set<string> {
  const lines = readFileSync('/proc/net/unix', 'utf8').split('\n').slice(1);
  const sockets = lines.map((line) => line.trim().split(/\s+/));
  return new Set(
    sockets.flatMap(([, , , flags = '', , , inode = '', at = '']) =>
      Number(`0x${flags}`) & 0x10000 && resolvePath(at) === path ? [inode] : [],
    ),
  );
}

function resolvePath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return '';
  }
}

function listSockets(pid: number): string[] {
  const folder = `/proc/${pid}/fd`;
  return readdirSync(folder).flatMap(
    (fd) => /^socket:\[(\d+)\]$/.exec(readLink(`${folder}/${fd}`))?.[1] ?? [],
  );
}

function readLink(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

/** The name of a process; empty once it is gone. */
function readName(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return '';
  }
}

function readList(pid: number, file: 'cmdline' | 'environ'): string[] {
  return readFileSync(`/proc/${pid}/${file}`, 'utf8').split('\0').filter(Boolean);
}
