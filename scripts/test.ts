import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { glob } from 'zx';
import { installTools } from './lib/host/test-tools.ts';
import { commandArgv } from './lib/process/command.ts';
import { DescribedError, Exit } from './lib/process/errors.ts';
import { ROOT } from './lib/process/root.ts';
import { run } from './lib/process/shell.ts';
import { main } from './lib/terminal/cli.ts';
import { formatDuration, paint, say, sayFailure, sayOk } from './lib/terminal/report.ts';

const USAGE = `
Runs every test: checks of the sources, tests without Docker, the API on a real PostgreSQL, the page, and end-to-end
tests on real Docker and in Chromium, which use names of their own and leave a running stack alone. Nothing is run twice:
what fails once has failed.

  make test
  npx tsx scripts/test.ts [--only NAME[,NAME]]

  --only   of make test: check, scripts, build, backend, frontend, end-to-end, leftovers
           beside it, many minutes each, once a week in the workflow: slow, heavy`;

interface Step {
  name: string;
  argv: readonly string[];
  /** Files with a run of their own each, after argv. */
  files?: readonly string[];
  /** Added to the environment. */
  env?: Readonly<Record<string, string>>;
  /** Takes too long for make test: runs when it is named. */
  weekly?: true;
}

const NODE_TEST = [process.execPath, '--import', 'tsx', '--test'];
/** Tests that have a longer, stricter form, which this variable asks for. */
const HEAVY_FILES = ['scripts/test/e2e/restore.e2e.ts', 'scripts/test/e2e/update.e2e.ts'];

async function listSteps(): Promise<Step[]> {
  const find = async (...patterns: string[]) => (await glob(patterns, { cwd: ROOT })).sort();
  const [unit, endToEnd, slow] = await Promise.all([
    find('scripts/test/*.test.ts'),
    find('scripts/test/e2e/*.e2e.ts', 'frontend/test/e2e/*.e2e.ts'),
    find('scripts/test/slow/*.slow.ts'),
  ]);
  return [
    { name: 'check', argv: commandArgv('check') },
    { name: 'scripts', argv: [...NODE_TEST, ...unit] },
    { name: 'build', argv: commandArgv('build') },
    { name: 'backend', argv: ['npm', 'test', '--silent', '-w', 'backend'] },
    { name: 'frontend', argv: ['npm', 'test', '--silent', '-w', 'frontend'] },
    { name: 'end-to-end', argv: NODE_TEST, files: endToEnd },
    { name: 'slow', argv: NODE_TEST, files: slow, weekly: true },
    { name: 'heavy', argv: NODE_TEST, files: HEAVY_FILES, env: { KG_HEAVY: '1' }, weekly: true },
    { name: 'leftovers', argv: commandArgv('test/leftovers') },
  ];
}

/**
 * Chooses what runs: without words all that is not weekly, else what the words name.
 * @throws DescribedError (exit 2) for a word that names no step
 */
function chooseSteps(steps: readonly Step[], only: string): Step[] {
  const words = only.split(',').filter(Boolean);
  const unknown = words.find((word) => !steps.some(({ name }) => name === word));
  if (unknown) throw new DescribedError(`No step is called ${unknown}`, 'see --help', Exit.usage);
  return steps.filter(({ name, weekly }) => (words.length > 0 ? words.includes(name) : !weekly));
}

/** @returns whether it passed */
async function runStep({ argv, files, env = {}, weekly }: Step): Promise<boolean> {
  if (!files) return (await run(argv, { cwd: ROOT, env, inherit: true })).exitCode === 0;
  // Two stacks at once fit on a small machine; what measures it, or loads it, has it for itself.
  const alone = new Set(files.filter((file) => weekly || needsMachine(file)));
  const together = files.filter((file) => !alone.has(file));
  const failed = [...(await runFiles(argv, env, together, 2)), ...(await runFiles(argv, env, [...alone], 1))];
  if (failed.length > 0) sayFailure(`Failed: ${failed.join(', ')}`, '');
  return failed.length === 0;
}

/** Whether a test file says, in its first line, that it runs alone, and why: `// Alone: ...`. */
function needsMachine(file: string): boolean {
  return readFileSync(join(ROOT, file), 'utf8').startsWith('// Alone: ');
}

/**
 * Runs test files, some at a time, and prints the output of each when it is done.
 * @returns the files that failed
 */
async function runFiles(
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
  files: readonly string[],
  atOnce: number,
): Promise<string[]> {
  const queue = files.values();
  const failed: string[] = [];
  const work = async () => {
    for (const file of queue) {
      const startedAt = Date.now();
      const { exitCode, stdout, stderr } = await run([...argv, file], { cwd: ROOT, env });
      say(`${stdout}${stderr}`.trimEnd());
      const took = formatDuration(Date.now() - startedAt);
      if (exitCode === 0) sayOk(`${file} (${took})`);
      else {
        failed.push(file);
        sayFailure(`${file} (${took}, exit ${exitCode})`, '');
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return failed;
}

main(import.meta.url, {
  usage: USAGE,
  options: { only: { type: 'string' } },
  async run(flags) {
    await installTools(['chromium', 'shellcheck'], 'the tests');
    const steps = chooseSteps(await listSteps(), flags.only ?? '');
    const failed: string[] = [];
    for (const step of steps) {
      const { name } = step;
      const startedAt = Date.now();
      say(paint('bold', `\n── ${name}`));
      if (!(await runStep(step))) failed.push(name);
      else sayOk(`${name} passed in ${formatDuration(Date.now() - startedAt)}`);
    }
    say(`\nsteps: ${steps.length - failed.length} passed, ${failed.length} failed`);
    if (failed.length > 0) {
      throw new DescribedError(
        `Failed: ${failed.join(', ')}`,
        `make test; one step: npx tsx scripts/test.ts --only ${failed[0]}`,
      );
    }
  },
});
