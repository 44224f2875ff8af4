import { spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { $, type Options, type ProcessPromise } from 'zx/core';
import { DescribedError } from './errors.ts';

/** How a process is started; everything else is inherited from this process. */
export interface RunOptions {
  /** Added to this process's environment: the place for secrets, which must not stand in an argv. */
  env?: Readonly<Record<string, string>>;
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
const running = new Set<{ name: string; kill(signal: NodeJS.Signals): unknown }>();
const cleanups = new Set<() => Promise<unknown>>();

/**
 * Starts a process and waits for it; the only place in the project that does.
 * @param argv program and arguments, quoted by zx one by one
 * @returns its exit code (128 or more for a signal) and output, whatever the code
 */
export async function run(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  return start(argv, options).ended;
}

/** A process that runs beside this one. */
export interface Started {
  ended: Promise<RunResult>;
  kill(signal: NodeJS.Signals): Promise<void>;
}

/** Like `run`, but does not wait. */
export function start(argv: readonly string[], options: RunOptions = {}): Started {
  const settings: Partial<Options> = {
    nothrow: true,
    quiet: true,
    // Without this, Bash reads ~/.bashrc when a timer or ssh started this process: Node's pipe is a socket to it, and it takes
    // a socket in a first shell for a remote login (bash(1), "Invocation").
    env: { ...process.env, ...options.env, SHLVL: '1' },
    stdio: options.inherit ? 'inherit' : [options.input ? 'pipe' : 'ignore', 'pipe', 'pipe'],
  };
  // zx would never end an empty input, and the process would wait for it.
  if (options.input) settings.input = options.input;
  if (options.cwd !== undefined) settings.cwd = options.cwd;
  if (options.timeoutMs !== undefined) settings.timeout = options.timeoutMs;
  const child = $(settings)`${argv}`;
  const kill = (signal: NodeJS.Signals) => child.kill(signal);
  const entry = { name: nameOf(argv), kill };
  running.add(entry);
  return { ended: collect(child).finally(() => running.delete(entry)), kill };
}

async function collect(child: ProcessPromise): Promise<RunResult> {
  const output = await child;
  return { exitCode: output.exitCode ?? 143, stdout: output.stdout, stderr: output.stderr };
}

/** Enough of a command line to recognise it. */
function nameOf(argv: readonly string[]): string {
  return argv.slice(0, 3).join(' ');
}

/**
 * Like `run`, for a process that has to succeed.
 * @returns its standard output
 * @throws DescribedError with the last lines of its standard error
 */
export async function mustRun(
  argv: readonly string[],
  hint: string,
  options: RunOptions = {},
): Promise<string> {
  const result = await run(argv, options);
  if (result.exitCode !== 0) {
    const said = (result.stderr || result.stdout).trim().split('\n').slice(-5).join('\n');
    throw new DescribedError(
      `${nameOf(argv)} failed (exit ${result.exitCode})${said ? `: ${said}` : ''}`,
      hint,
    );
  }
  return result.stdout;
}

/**
 * Starts a process whose input and output are streamed and never held as a whole.
 * @param argv program and arguments, passed without a shell
 */
export function openPipe(argv: readonly string[], options: PipeOptions = {}): PipedProcess {
  const [program = '', ...args] = argv;
  const child = spawn(program, args, {
    stdio: 'pipe',
    env: { ...process.env, ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.timeoutMs === undefined ? {} : { timeout: options.timeoutMs }),
  });
  const kill = (signal: NodeJS.Signals = 'SIGTERM') => void child.kill(signal);
  const entry = { name: nameOf(argv), kill };
  running.add(entry);
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => {
    stderr = `${stderr}${chunk}`.slice(-STDERR_KEPT);
    options.onStderr?.(chunk);
  });
  // A process that ends early closes its input; its exit code tells what happened.
  child.stdin.on('error', () => undefined);
  const ended = new Promise<{ exitCode: number; stderr: string }>((resolve) => {
    child.on('error', (error) => resolve({ exitCode: 127, stderr: error.message }));
    child.on('close', (code) => resolve({ exitCode: code ?? 143, stderr: stderr.trim() }));
  }).finally(() => running.delete(entry));
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
  return [...running].map(({ name }) => name);
}

/** Ends every process this one has started, with all of its children, by SIGINT: what Ctrl-C does; then tidies up. */
export async function interruptAll(): Promise<void> {
  await Promise.allSettled([...running].map(async (child) => child.kill('SIGINT')));
  await Promise.allSettled([...cleanups].map((cleanup) => cleanup()));
}
