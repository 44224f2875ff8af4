import { glob } from 'zx';
import { installTools } from './lib/host/test-tools.ts';
import { commandArgv } from './lib/process/command.ts';
import { DescribedError, Exit } from './lib/process/errors.ts';
import { ROOT } from './lib/process/root.ts';
import { run } from './lib/process/shell.ts';
import { main } from './lib/terminal/cli.ts';
import { formatDuration, paint, say, sayFailure, sayOk, sayWarning } from './lib/terminal/report.ts';

const USAGE = `
Runs every test: checks of the sources, tests without Docker, the API on a real PostgreSQL, the page, and end-to-end
tests on real Docker and in Chromium, which use names of their own and leave a running stack alone.

  make test
  npx tsx scripts/test.ts [--only NAME]

  --only   one of: check, scripts, build, backend, frontend, end-to-end, leftovers`;

interface Step {
  name: string;
  argv: readonly string[];
  /** Files with a run of their own each, after argv; one that fails is run once more by itself. */
  files?: readonly string[];
}

async function listSteps(): Promise<Step[]> {
  const tests = [process.execPath, '--import', 'tsx', '--test'];
  const unit = (await glob('scripts/test/*.test.ts', { cwd: ROOT })).sort();
  const e2e = (await glob(['scripts/test/e2e/*.e2e.ts', 'frontend/test/e2e/*.e2e.ts'], { cwd: ROOT })).sort();
  return [
    { name: 'check', argv: commandArgv('check') },
    { name: 'scripts', argv: [...tests, ...unit] },
    { name: 'build', argv: commandArgv('build') },
    { name: 'backend', argv: ['npm', 'test', '--silent', '-w', 'backend'] },
    { name: 'frontend', argv: ['npm', 'test', '--silent', '-w', 'frontend'] },
    { name: 'end-to-end', argv: tests, files: e2e },
    { name: 'leftovers', argv: commandArgv('test/leftovers') },
  ];
}

/** @returns whether it passed */
async function runStep({ argv, files }: Step): Promise<boolean> {
  if (!files) return (await run(argv, { cwd: ROOT, inherit: true })).exitCode === 0;
  const failed = await runFiles(argv, files, 2);
  if (failed.length === 0) return true;
  // Two real stacks at once on a small machine can be too slow for each other: what fails by itself as well is broken.
  sayWarning(`Once more, one at a time: ${failed.join(', ')}`);
  return (await runFiles(argv, failed, 1)).length === 0;
}

/**
 * Runs test files, some at a time, and prints the output of each when it is done.
 * @returns the files that failed
 */
async function runFiles(
  argv: readonly string[],
  files: readonly string[],
  atOnce: number,
): Promise<string[]> {
  const queue = files.values();
  const failed: string[] = [];
  const work = async () => {
    for (const file of queue) {
      const startedAt = Date.now();
      const { exitCode, stdout, stderr } = await run([...argv, file], { cwd: ROOT });
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
    const steps = (await listSteps()).filter(({ name }) => !flags.only || name === flags.only);
    if (steps.length === 0)
      throw new DescribedError(`No step is called ${flags.only}`, 'see --help', Exit.usage);
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
