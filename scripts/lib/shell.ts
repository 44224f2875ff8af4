import type { Readable } from 'node:stream';
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

const running = new Set<ProcessPromise>();

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
    env: { ...process.env, ...options.env },
    stdio: options.inherit ? 'inherit' : [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  };
  if (options.input !== undefined) settings.input = options.input;
  if (options.cwd !== undefined) settings.cwd = options.cwd;
  if (options.timeoutMs !== undefined) settings.timeout = options.timeoutMs;
  const child = $(settings)`${argv}`;
  running.add(child);
  return { ended: collect(child), kill: (signal) => child.kill(signal) };
}

async function collect(child: ProcessPromise): Promise<RunResult> {
  try {
    const output = await child;
    return { exitCode: output.exitCode ?? 143, stdout: output.stdout, stderr: output.stderr };
  } finally {
    running.delete(child);
  }
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
    const name = argv.slice(0, 3).join(' ');
    throw new DescribedError(`${name} failed (exit ${result.exitCode})${said ? `: ${said}` : ''}`, hint);
  }
  return result.stdout;
}

/** Ends every process this one has started, with all of its children, by SIGINT: what Ctrl-C does. */
export async function interruptAll(): Promise<void> {
  await Promise.allSettled([...running].map((child) => child.kill('SIGINT')));
}
