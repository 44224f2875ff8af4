import { existsSync, readFileSync, rmSync, statSync } from 'node:fs';
import { DescribedError } from '../process/errors.ts';
import { run } from '../process/shell.ts';
import { waitUntil } from '../process/wait.ts';
import { say } from '../terminal/report.ts';

/** Where an engine that this project started writes, one life after the other. */
export const ENGINE_LOG = '/var/log/dockerd.log';

const WAIT_MS = 60_000;
/** An engine that has written no pid file by then, or whose process is gone, does not come. */
const GIVE_UP_MS = 8_000;
const PID_FILE = '/var/run/docker.pid';
const CONTAINERD_PID_FILE = '/var/run/docker/containerd/containerd.pid';
/**
 * Becomes the engine, with no descriptor of whoever started it but a log: a pipe held open would make that one wait for
 * ever. $0 is the log, the arguments are the program: nothing is glued into this text.
 */
const DETACH = `
ulimit -n 524288 2>/dev/null
for path in /proc/$$/fd/*; do
  descriptor=\${path##*/}
  if [ "$descriptor" -gt 2 ]; then exec {descriptor}>&-; fi
done
exec "$@" >>"$0" 2>&1 </dev/null
`;

/**
 * Starts the engine and waits until it answers.
 * @param by systemd, or a session of its own that outlives this process and its terminal
 * @throws DescribedError with the last lines of the engine's log
 */
export async function startEngine(by: 'systemd' | 'detached'): Promise<void> {
  if (by === 'systemd') {
    await run(['systemctl', 'enable', '--now', 'docker']);
    if (!(await waitForEngine(() => true))) throw notStarted(await readJournal(), 'journalctl -u docker');
    return;
  }
  const offset = existsSync(ENGINE_LOG) ? statSync(ENGINE_LOG).size : 0;
  if (isAlive(PID_FILE, 'dockerd')) say('  The engine is starting already: waiting for it');
  else {
    removeStale(PID_FILE, 'dockerd');
    removeStale(CONTAINERD_PID_FILE, 'containerd');
    await startDetached(['dockerd'], ENGINE_LOG);
  }
  const startedAt = Date.now();
  const comes = () => Date.now() - startedAt < GIVE_UP_MS || isAlive(PID_FILE, 'dockerd');
  if (await waitForEngine(comes)) return;
  const log = existsSync(ENGINE_LOG) ? readFileSync(ENGINE_LOG).subarray(offset).toString() : '';
  throw notStarted(log, ENGINE_LOG);
}

/**
 * Starts an engine in a session of its own, which outlives this process and its terminal; does not wait for it.
 * @param argv its program and arguments
 * @param log the file to which it appends
 * @param env what it inherits instead of, or beside, this process's environment
 */
export async function startDetached(
  argv: readonly string[],
  log: string,
  env: Readonly<Record<string, string>> = {},
): Promise<void> {
  const path = `${process.env.PATH ?? ''}:/usr/local/sbin:/usr/sbin:/sbin`;
  await run(['setsid', '--fork', 'bash', '-c', DETACH, log, ...argv], {
    cwd: '/',
    env: { ...env, PATH: path },
  });
}

/** The engine takes the number in its pid file for itself, even when another process has got it since. */
function removeStale(pidFile: string, program: string): void {
  if (existsSync(pidFile) && !isAlive(pidFile, program)) rmSync(pidFile, { force: true });
}

function isAlive(pidFile: string, program: string): boolean {
  try {
    const pid = Number(readFileSync(pidFile, 'utf8'));
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === program;
  } catch {
    return false;
  }
}

/**
 * Waits until the engine answers.
 * @param comes whether there is still hope
 */
export async function waitForEngine(comes: () => boolean): Promise<boolean> {
  const argv = ['docker', 'version', '--format', '{{.Server.Version}}'];
  const ask = async () => {
    if (!comes()) return false;
    return (await run(argv, { timeoutMs: 10_000 })).exitCode === 0 || undefined;
  };
  return (await waitUntil(ask, WAIT_MS)) === true;
}

async function readJournal(): Promise<string> {
  return (await run(['journalctl', '--no-pager', '--output=cat', '--unit=docker', '--lines=15'])).stdout;
}

function notStarted(log: string, where: string): DescribedError {
  const lines = log.trim().split('\n').slice(-10).join('\n    ');
  return new DescribedError(
    `The engine was started and does not answer; its last lines:\n    ${lines || '(none)'}`,
    `fix what they say, then: make host-setup; the whole log: ${where}`,
  );
}
