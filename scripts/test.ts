import { glob } from 'zx';
import { installTools } from './lib/host/test-tools.ts';
import { commandArgv } from './lib/process/command.ts';
import { DescribedError, Exit } from './lib/process/errors.ts';
import { ROOT } from './lib/process/root.ts';
import { run } from './lib/process/shell.ts';
import { main } from './lib/terminal/cli.ts';
import { formatDuration, paint, say, sayOk } from './lib/terminal/report.ts';
import { runTestFiles } from './test/run-files.ts';

const USAGE = `
Runs every test: checks of the sources, tests without Docker, the API on a real PostgreSQL, the page, and end-to-end
tests on real Docker and in Chromium, which use names of their own and leave a running stack alone. Nothing is run twice:
what fails once has failed.

  make test
  npx tsx scripts/test.ts [--only NAME[,NAME]]

  --only   of make test: check, scripts, build, backend, frontend, end-to-end, leftovers
           beside it, many minutes each, once a week in the workflow: slow, hosts, heavy`;

interface Step {
  name: string;
  argv: readonly string[];
  /** Files with a run of their own each, after argv. */
  files?: readonly string[];
  /** Added to the environment. */
  env?: Readonly<Record<string, string>>;
  /** Takes too long for make test: runs when it is named. */
  weekly?: boolean;
}

const NODE_TEST = [process.execPath, '--import', 'tsx', '--test'];
const LIMIT_MS = 10 * 60_000;
const WEEKLY_LIMIT_MS = 60 * 60_000;
/** Tests that have a longer, stricter form, which this variable asks for. */
const HEAVY_FILES = ['scripts/test/e2e/restore.e2e.ts', 'scripts/test/e2e/update.e2e.ts'];

async function listSteps(): Promise<Step[]> {
  const find = async (...patterns: string[]) => (await glob(patterns, { cwd: ROOT })).sort();
  const unit = await find('scripts/test/*.test.ts');
  const endToEnd = await find('scripts/test/e2e/*.e2e.ts', 'frontend/test/e2e/*.e2e.ts');
  const slow = await find('scripts/test/slow/*.slow.ts');
  const hosts = await find('scripts/test/hosts/*.hosts.ts');
  return [
    { name: 'check', argv: commandArgv('check') },
    { name: 'scripts', argv: [...NODE_TEST, '--test-concurrency=2', ...unit] },
    { name: 'build', argv: commandArgv('build') },
    { name: 'backend', argv: ['npm', 'test', '--silent', '-w', 'backend'] },
    { name: 'frontend', argv: ['npm', 'test', '--silent', '-w', 'frontend'] },
    { name: 'end-to-end', argv: NODE_TEST, files: endToEnd },
    { name: 'slow', argv: NODE_TEST, files: slow, weekly: true },
    { name: 'hosts', argv: NODE_TEST, files: hosts, weekly: true },
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
async function runStep({ argv, files, env = {}, weekly = false }: Step): Promise<boolean> {
  if (!files) return (await run(argv, { cwd: ROOT, env, inherit: true })).exitCode === 0;
  const limitMs = weekly ? WEEKLY_LIMIT_MS : LIMIT_MS;
  return (await runTestFiles(files, { argv, env, limitMs, alone: weekly })).length === 0;
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
