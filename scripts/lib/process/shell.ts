import {
  type ChildProcess,
  type ChildProcessWithoutNullStreams,
  type SpawnOptions,
  spawn,
  spawnSync,
} from 'node:child_process';
import { constants } from 'node:os';
import type { Readable, Writable } from 'node:stream';
import { kill, ProcessOutput, type ProcessPromise, $ as zx } from 'zx/core';
import { DescribedError } from './errors.ts';

/** How a process is started; everything else is inherited from this process. */
export interface RunOptions {
  /** Over this process's environment, `undefined` takes out: the place for secrets, which must not stand in an argv. */
  env?: Readonly<Record<string, string | undefined>>;
  /** Written to the process's standard input, a stream as fast as it is taken; without it the input is closed. */
  input?: string | Readable;
  cwd?: string;
  timeoutMs?: number;
  /** Let the process use this terminal directly; its output is then not collected. */
  inherit?: boolean;
}

export interface RunResult {
  exitCode: number;
  stdout: string;
  stderr: string;
}

/** A process whose streams are used while it runs. */
export interface PipedProcess {
  stdin: Writable;
  stdout: Readable;
  /** Its exit code and the end of its standard error, whatever the code; never rejects. */
  ended: Promise<{ exitCode: number; stderr: string }>;
  kill(signal?: NodeJS.Signals): void;
}

interface PipeOptions extends Pick<RunOptions, 'env' | 'cwd' | 'timeoutMs'> {
  /** Sees all of standard error as it comes; the result keeps its end alone. */
  onStderr?: (chunk: Buffer) => void;
}

const STDERR_KEPT = 8192;
const running = new Map<ChildProcess, string>();
const cleanups = new Set<() => Promise<unknown>>();

/**
 * The zx of this project: await $`docker network create ${name}`. Each value is quoted as one argument, an array as many;
 * nothing is printed, and standard input is closed. `$({ env })` adds to this process's environment, where secrets go.
 */
export const $ = zx({
  verbose: false,
  quiet: true,
  stdio: ['ignore', 'pipe', 'pipe'],
  spawn: startProcess as typeof spawn,
});

/** Every process that this one has starts here. */
function startProcess(command: string, args: readonly string[], options: SpawnOptions): ChildProcess {
  const child = spawn(command, args, {
    ...options,
    // In a session of its own no terminal ends it, closed or by Ctrl-C: this process decides, see `interruptAll`.
    detached: options.stdio !== 'inherit',
    // Without SHLVL, Bash reads ~/.bashrc when a timer or ssh started this process: Node's pipe is a socket to it, and it takes
    // a socket in a first shell for a remote login (bash(1), "Invocation").
    env: { ...process.env, ...options.env, SHLVL: '1' },
  });
  // A process that ends early closes its input; its exit code tells what happened.
  child.stdin?.on('error', () => undefined);
  running.set(child, nameOf([command.replace(zx.prefix ?? '', ''), ...args].join(' ')));
  for (const end of ['close', 'error']) child.once(end, () => running.delete(child));
  return child;
}

/** Enough of a command line to recognise it. */
function nameOf(command: string): string {
  return command.split(' ').slice(0, 3).join(' ');
}

/** As a shell says it: 137 is SIGKILL, as of what ran out of memory, 143 SIGTERM; 127 could not be started. */
function toExitCode(code: number | null, signal: NodeJS.Signals | null): number {
  return code ?? (signal ? 128 + constants.signals[signal] : 127);
}

/**
 * Runs a process and waits for it.
 * @param argv program and arguments, quoted by zx one by one
 * @returns its exit code (128 and more for a signal) and output, whatever the code
 */
export async function run(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const output = await startArgv(argv, options).nothrow();
  return {
    exitCode: toExitCode(output.exitCode, output.signal),
    stdout: output.stdout,
    stderr: output.stderr,
  };
}

function startArgv(argv: readonly string[], options: RunOptions): ProcessPromise {
  const { input, inherit, cwd = process.cwd(), env = {}, timeoutMs: timeout = 0 } = options;
  const settings = { cwd, env, timeout };
  if (inherit) return $({ ...settings, stdio: 'inherit' })`${argv}`;
  // zx would never end an empty input, and the process would wait for it.
  return input ? $({ ...settings, input, stdio: 'pipe' })`${argv}` : $(settings)`${argv}`;
}

/**
 * Waits for a process that has to succeed: await must($`docker network create ${name}`, 'make host-setup').
 * @param hint what helps when it fails
 * @returns its standard output
 * @throws DescribedError with the last lines of its standard error
 */
export async function must(child: ProcessPromise, hint: string): Promise<string> {
  const output = await child.nothrow();
  if (!output.ok) throw new DescribedError(describeFailed(output, nameOf(child.cmd)), hint);
  return output.stdout;
}

/** `must` for a command line that is an array already. */
export function mustRun(argv: readonly string[], hint: string, options: RunOptions = {}): Promise<string> {
  return must(startArgv(argv, options), hint);
}

/** What a template that nobody waited for with `must` throws when it fails; undefined for every other error. */
export function describeProcessError(error: unknown): DescribedError | undefined {
  return error instanceof ProcessOutput
    ? new DescribedError(describeFailed(error, 'A program'), '')
    : undefined;
}

function describeFailed({ exitCode, signal, stdout, stderr }: ProcessOutput, what: string): string {
  const said = (stderr || stdout).trim().split('\n').slice(-5).join('\n');
  return `${what} failed (exit ${toExitCode(exitCode, signal)})${said ? `: ${said}` : ''}`;
}

/**
 * Runs a short program on an open file of this process, which is its descriptor 3; nothing else goes on meanwhile.
 * @returns its exit code
 */
export function runOnFile(argv: readonly string[], file: number): number {
  const [program = '', ...args] = argv;
  const { status, signal } = spawnSync(program, args, { stdio: ['ignore', 'ignore', 'ignore', file] });
  return toExitCode(status, signal);
}

/**
 * Starts a process whose input and output are streamed and never held as a whole.
 * @param argv program and arguments, passed without a shell
 */
export function openPipe(argv: readonly string[], options: PipeOptions = {}): PipedProcess {
  const [program = '', ...args] = argv;
  const { cwd, env, timeoutMs: timeout, onStderr } = options;
  const child = startProcess(program, args, {
    stdio: 'pipe',
    cwd,
    env,
    timeout,
  }) as ChildProcessWithoutNullStreams;
  const kill = (signal: NodeJS.Signals = 'SIGTERM') => void child.kill(signal);
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => {
    stderr = `${stderr}${chunk}`.slice(-STDERR_KEPT);
    onStderr?.(chunk);
  });
  const ended = new Promise<{ exitCode: number; stderr: string }>((resolve) => {
    child.on('error', (error) => resolve({ exitCode: 127, stderr: error.message }));
    child.on('close', (code, signal) =>
      resolve({ exitCode: toExitCode(code, signal), stderr: stderr.trim() }),
    );
  });
  return { stdin: child.stdin, stdout: child.stdout, ended, kill };
}

/**
 * Starts a process whose output is worked on while it comes, whatever its size; nothing of it is kept.
 * @param consume reads the output to its end; the process waits for it
 * @returns the exit code and the end of what was written to standard error
 */
export async function runStreaming(
  argv: readonly string[],
  consume: (output: Readable) => Promise<void>,
  options: PipeOptions = {},
): Promise<{ exitCode: number; stderr: string }> {
  const child = openPipe(argv, options);
  child.stdin.end();
  try {
    await consume(child.stdout);
    return await child.ended;
  } finally {
    child.kill();
  }
}

/**
 * Has something tidied up should the user interrupt this process.
 * @returns takes it back
 */
export function whenInterrupted(cleanup: () => Promise<unknown>): () => void {
  cleanups.add(cleanup);
  return () => cleanups.delete(cleanup);
}

/** The processes that this one has started and that have not been seen to end. */
export function listRunning(): string[] {
  return [...running.values()];
}

/**
 * Ends every process this one has started, with all of its children, by SIGINT: what Ctrl-C does; then tidies up. Who waits for one
 * of them waits for ever: that it failed means nothing, and no work may follow it.
 */
export async function interruptAll(): Promise<void> {
  for (const child of running.keys()) {
    for (const end of ['exit', 'close', 'error']) child.removeAllListeners(end);
    child.on('error', () => undefined);
  }
  await Promise.allSettled([...running.keys()].map((child) => killTree(child, 'SIGINT')));
  await Promise.allSettled([...cleanups].map((cleanup) => cleanup()));
}

/** zx finds the children of a process by ps(1), which a small host may not have: then the process alone is ended. */
async function killTree(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.pid !== undefined) await kill(child.pid, signal).catch(() => child.kill(signal));
}
