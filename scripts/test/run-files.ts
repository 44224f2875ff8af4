import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../lib/process/root.ts';
import { run } from '../lib/process/shell.ts';
import { formatDuration, say, sayFailure, sayOk } from '../lib/terminal/report.ts';

/** How test files are run. */
export interface FileRuns {
  /** The program and its arguments; a file's name comes after them. */
  argv: readonly string[];
  /** Added to the environment. */
  env: Readonly<Record<string, string>>;
  /** A file that takes longer has hung: it is ended, and has failed. */
  limitMs: number;
  /** Gives every file the machine for itself. */
  alone: boolean;
}

/**
 * Runs each test file in a process of its own, two at a time where they allow it, and prints its output when it is done.
 * @returns the files that failed
 */
export async function runTestFiles(files: readonly string[], runs: FileRuns): Promise<string[]> {
  // Two stacks at once fit on a small machine; what measures it, or loads it, has it for itself.
  const alone = files.filter((file) => runs.alone || needsMachine(file));
  const together = files.filter((file) => !alone.includes(file));
  const failed = [...(await runQueue(together, 2, runs)), ...(await runQueue(alone, 1, runs))];
  if (failed.length > 0) sayFailure(`Failed: ${failed.join(', ')}`, '');
  return failed;
}

/** Whether a test file says, in its first line, that it runs alone, and why: `// Alone: ...`. */
function needsMachine(file: string): boolean {
  return readFileSync(join(ROOT, file), 'utf8').startsWith('// Alone: ');
}

async function runQueue(files: readonly string[], atOnce: number, runs: FileRuns): Promise<string[]> {
  const queue = files.values();
  const failed: string[] = [];
  const work = async () => {
    for (const file of queue) if (!(await runFile(file, runs))) failed.push(file);
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return failed;
}

/** @returns whether the file passed */
async function runFile(file: string, { argv, env, limitMs }: FileRuns): Promise<boolean> {
  const startedAt = Date.now();
  const { exitCode, stdout, stderr } = await run([...argv, file], { cwd: ROOT, env, timeoutMs: limitMs });
  say(`${stdout}${stderr}`.trimEnd());
  const tookMs = Date.now() - startedAt;
  const took = formatDuration(tookMs);
  if (exitCode === 0) sayOk(`${file} (${took})`);
  else if (tookMs >= limitMs) sayFailure(`${file} was ended after ${took}: it hung`, '');
  else sayFailure(`${file} (${took}, exit ${exitCode})`, '');
  return exitCode === 0;
}
