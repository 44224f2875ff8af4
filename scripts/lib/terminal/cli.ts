import { realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type ParseArgsConfig, parseArgs } from 'node:util';
import { DescribedError, Exit } from '../process/errors.ts';
import { describeProcessError, listRunning } from '../process/shell.ts';
import { describeSystemError } from '../process/system-error.ts';
import { sayFailure } from './report.ts';
import { handleSignals, ignoreClosedOutput, isInterrupted } from './signals.ts';
import { isYes, wordsToArgv, wordsToPairs } from './word-rules.ts';

/** How long something may still come that does not keep this process alive, such as an answer on a kept connection. */
const ABANDONED_MS = 5000;

type ParseArgsOptionsConfig = NonNullable<ParseArgsConfig['options']>;

type Values<O extends ParseArgsOptionsConfig> = ReturnType<
  typeof parseArgs<{ options: O; strict: true; allowPositionals: true }>
>['values'];

export interface Command<O extends ParseArgsOptionsConfig> {
  /** Shown by --help; the first line says what the command does. */
  usage: string;
  options: O;
  /**
   * Words of make's command line that are called otherwise than the option they stand for; '' is the argument. Each
   * option is a word by itself: dry-run is DRY_RUN.
   */
  words?: Readonly<Record<string, string>>;
  /** It does nothing but tell, for ever: without a reader it ends. */
  endsWithReader?: boolean;
  /** Takes each word of make's command line as an argument KEY=VALUE. */
  takesPairs?: boolean;
  /** How many words beside the flags it takes at most; none unless said. */
  maxPositionals?: number;
  /** Does the work; throws DescribedError for an expected failure. */
  run(flags: Values<O>, positionals: readonly string[]): Promise<void>;
}

/**
 * Runs a command if its module is the program that was started; importing it runs nothing.
 * Sets the process's exit code: see `Exit`.
 * @param moduleUrl the module's import.meta.url
 */
export function main<O extends ParseArgsOptionsConfig>(moduleUrl: string, command: Command<O>): void {
  if (isEntry(moduleUrl)) void start(command);
}

async function start<O extends ParseArgsOptionsConfig>(command: Command<O>): Promise<void> {
  handleSignals();
  process.stdout.on('error', command.endsWithReader ? endWithReader : ignoreClosedOutput);
  process.stderr.on('error', ignoreClosedOutput);
  const unguard = guardEnd();
  try {
    const { flags, positionals, help } = parseFlags(command);
    if (help) process.stdout.write(`${command.usage.trim()}\n`);
    else await command.run(flags, positionals);
  } catch (error) {
    report(error);
  } finally {
    unguard();
  }
}

/**
 * Node ends a program as soon as nothing keeps it alive, its work half done, whatever that still waits for.
 * Here it goes on for a while, and then says what it waited for.
 * @returns to be called when the work is done
 */
function guardEnd(): () => void {
  let grace: NodeJS.Timeout | undefined;
  const stop = () => {
    process.off('beforeExit', wait);
    clearTimeout(grace);
  };
  const giveUp = () => {
    stop();
    const processes = listRunning();
    const what = processes.length > 0 ? `for the end of: ${processes.join('; ')}` : 'for no process';
    report(new Error(`Its work is not done, but nothing goes on any more; it waits ${what}`));
  };
  const wait = () => {
    grace = setTimeout(giveUp, ABANDONED_MS);
  };
  process.on('beforeExit', wait);
  return stop;
}

/**
 * Milliseconds of a flag that takes seconds.
 * @throws DescribedError (exit 2)
 */
export function toMs(flag: string, seconds: string): number {
  const ms = Number(seconds) * 1000;
  if (ms > 0) return ms;
  throw new DescribedError(`${flag} takes seconds, and '${seconds}' is none`, 'see --help', Exit.usage);
}

function isEntry(moduleUrl: string): boolean {
  const started = process.argv[1];
  return started !== undefined && realpathSync(started) === realpathSync(fileURLToPath(moduleUrl));
}

function parseFlags<O extends ParseArgsOptionsConfig>(command: Command<O>) {
  try {
    const parsed = parseArgs({
      args: readArgs(command),
      options: { ...command.options, help: { type: 'boolean', short: 'h' } },
      strict: true,
      allowPositionals: true,
    });
    const extra = parsed.positionals[command.maxPositionals ?? 0];
    if (extra !== undefined) throw new Error(`Unexpected argument '${extra}'`);
    const { help, ...flags } = parsed.values as Record<string, unknown>;
    return { flags: flags as Values<O>, positionals: parsed.positionals, help: help === true };
  } catch (error) {
    if (error instanceof DescribedError) throw error;
    throw new DescribedError((error as Error).message, 'see --help', Exit.usage);
  }
}

/** The arguments of this process, and behind those of a recipe of make what stands on make's command line. */
function readArgs<O extends ParseArgsOptionsConfig>({
  options,
  words = {},
  takesPairs,
}: Command<O>): string[] {
  const [first, ...args] = process.argv.slice(2);
  if (first !== '--make') return process.argv.slice(2);
  const given = (process.env.MAKE_GIVEN ?? '').split(' ');
  const line = { given, env: process.env, options, words };
  return [...args, ...(takesPairs ? wordsToPairs(line) : wordsToArgv(line))];
}

function report(error: unknown): void {
  if (isInterrupted()) return;
  const described =
    error instanceof DescribedError ? error : (describeProcessError(error) ?? describeSystemError(error));
  if (described) {
    sayFailure(described.message, described.hint);
    if (isYes('VERBOSE', process.env.VERBOSE ?? '')) process.stderr.write(`${(error as Error).stack}\n`);
    process.exitCode = described.exitCode;
    return;
  }
  sayFailure('This is a fault of the command itself:', 'please report it with the lines below');
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  process.exitCode = Exit.failed;
}

function endWithReader(error: NodeJS.ErrnoException): void {
  ignoreClosedOutput(error);
  process.exit(Exit.done);
}
