import { glob } from 'zx';
import { commandArgv } from './lib/process/command.ts';
import { DescribedError } from './lib/process/errors.ts';
import { ROOT } from './lib/process/root.ts';
import { run } from './lib/process/shell.ts';
import { composeFiles, NPM_COMPOSE } from './lib/stack/stack.ts';
import { main } from './lib/terminal/cli.ts';
import { formatDuration, say, sayFailure, sayOk } from './lib/terminal/report.ts';

const USAGE = `
Checks the sources: format and lint, types, dead code, compose files, shell scripts,
Markdown. Needs no engine.

  make check
  npx tsx scripts/check.ts`;

interface Check {
  name: string;
  argv: readonly string[];
}

async function listChecks(): Promise<Check[]> {
  const shellScripts = await glob(['deploy/**/*.sh', '.ci/run'], { cwd: ROOT, dot: true });
  const markdown = await glob(['*.md', 'docs/**/*.md', 'backend/**/*.md', '!**/node_modules/**'], {
    cwd: ROOT,
  });
  const modes = [
    composeFiles('production'),
    composeFiles('production', false),
    composeFiles('test'),
    ['deploy/docker-compose.yml'],
    [NPM_COMPOSE],
  ];
  return [
    { name: 'format and lint', argv: ['npx', 'biome', 'ci', '--error-on-warnings', '.'] },
    { name: 'types of the scripts', argv: ['npx', 'tsc', '--noEmit'] },
    { name: 'types of the backend', argv: ['npx', 'tsc', '--noEmit', '-p', 'backend'] },
    { name: 'types of the frontend', argv: ['npm', 'run', '--silent', 'typecheck', '-w', 'frontend'] },
    { name: 'layers', argv: commandArgv('check/layers') },
    { name: 'dead code', argv: ['npx', 'knip', '--no-progress'] },
    { name: 'compose lint', argv: ['npx', 'dclint', '-c', 'deploy/.dclintrc.json', '-r', 'deploy'] },
    ...modes.map((files) => ({
      name: `compose config of ${files.map((file) => file.replace('deploy/', '')).join(' + ')}`,
      argv: ['docker', 'compose', ...files.flatMap((file) => ['-f', file]), 'config', '--quiet'],
    })),
    { name: 'shell scripts', argv: ['shellcheck', ...shellScripts] },
    { name: 'Markdown', argv: ['npx', 'markdownlint-cli2', ...markdown] },
  ];
}

/** @returns whether it passed */
async function runCheck({ name, argv }: Check): Promise<boolean> {
  const startedAt = Date.now();
  const { exitCode, stdout, stderr } = await run(argv, { cwd: ROOT });
  if (exitCode === 0) sayOk(`${name} (${formatDuration(Date.now() - startedAt)})`);
  else {
    sayFailure(`${name} (exit ${exitCode})`, '');
    say(`${stdout}${stderr}`.trimEnd());
  }
  return exitCode === 0;
}

main(import.meta.url, {
  usage: USAGE,
  options: {},
  async run() {
    const checks = await listChecks();
    const queue = checks.values();
    let failed = 0;
    const work = async () => {
      for (const check of queue) if (!(await runCheck(check))) failed += 1;
    };
    // Two at a time: more only compete for the two cores of a small machine.
    await Promise.all([work(), work()]);
    if (failed > 0)
      throw new DescribedError(`${failed} of ${checks.length} checks failed`, 'fix what they say');
  },
});
