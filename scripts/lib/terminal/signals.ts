import { ftruncateSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { begunChanges } from '../process/changes.ts';
import { Exit } from '../process/errors.ts';
import { openLock } from '../process/lock.ts';
import { ROOT } from '../process/root.ts';
import { interruptAll } from '../process/shell.ts';

let interrupted = false;
let hungUp = false;

/** Has a command end on Ctrl-C and SIGTERM, and a changing one finish its work when the terminal is closed (SIGHUP). */
export function handleSignals(): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void interrupt(signal));
  // Twice, of the kernel and of the shell: a handler that is gone after the first would let the second end the work.
  process.on('SIGHUP', () => void (begunChanges() ? goOnAlone(begunChanges() ?? '') : interrupt('SIGHUP')));
}

/** Whether what fails now fails because this command was told to stop. */
export function isInterrupted(): boolean {
  return interrupted;
}

/** Exits at once instead of setting an exit code: the work that is under way must not go on. */
async function interrupt(signal: NodeJS.Signals): Promise<void> {
  if (interrupted) return;
  interrupted = true;
  const state = begunChanges()
    ? 'stopped. Nothing is lost; the same command carries on from here.'
    : 'stopped before anything was changed';
  process.stderr.write(`\n${signal}: ${state}\n`);
  await interruptAll();
  process.exit(Exit.interrupted);
}

/** The file that holds what a command said after its terminal was closed. */
export function hangupLog(name: string): string {
  return join(ROOT, 'deploy/state/logs', `${name}.log`);
}

/** What is said goes into the log from now on; where the output is no terminal, there as well. */
function goOnAlone(name: string): void {
  if (hungUp) return;
  hungUp = true;
  const log = openLog(name);
  const at = () => new Date().toISOString();
  log(`${at()} The terminal was closed; this goes on to its end: ${process.argv.slice(1).join(' ')}\n`);
  for (const stream of [process.stdout, process.stderr]) copyInto(log, stream);
  process.once('exit', (code) =>
    log(`${at()} ${code === Exit.done ? 'Done' : `Not done: it ended with exit code ${code}`}\n`),
  );
}

type Log = (chunk: string | Uint8Array) => void;

/** A disk that is full, or a log that somebody else put there, does not end the work. */
function openLog(name: string): Log {
  try {
    const file = openLock(hangupLog(name), statSync(ROOT).uid);
    ftruncateSync(file);
    return (chunk) => {
      try {
        writeSync(file, typeof chunk === 'string' ? Buffer.from(chunk) : chunk);
      } catch {}
    };
  } catch {
    return () => undefined;
  }
}

function copyInto(log: Log, stream: NodeJS.WriteStream): void {
  const write = stream.write.bind(stream);
  const isTerminal = stream.isTTY;
  stream.isTTY = false;
  stream.write = (chunk: string | Uint8Array) => {
    log(chunk);
    return isTerminal || write(chunk);
  };
}

/** `prod-update | head` closes the pipe early, and a terminal that is gone takes nothing: the work goes on to its end. */
export function ignoreClosedOutput(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE' && error.code !== 'EIO') throw error;
}
