import { glob } from 'zx';
import { main } from './lib/cli.ts';
import { DescribedError } from './lib/errors.ts';
import { installTools } from './lib/host/test-tools.ts';
import { ROOT } from './lib/project.ts';
import { formatDuration, paint, say, sayOk } from './lib/report.ts';
import { run } from './lib/shell.ts';

const USAGE = `
Runs every test: checks of the sources, tests without Docker, the API on a real PostgreSQL, the page, and end-to-end
tests on real Docker and in Chromium, which use names of their own and leave a running stack alone.

  make test
  npx tsx scripts/test.ts [--only NAME]

  --only   one of: check, scripts, build, backend, frontend, end-to-end`;

interface Step {
  name: string;
  argv: readonly string[];
}

async function listSteps(): Promise<Step[]> {
  const tsx = ['node', '--import', 'tsx'];
  const unit = (await glob('scripts/test/*.test.ts', { cwd: ROOT })).sort();
  const e2e = (await glob(['scripts/test/e2e/*.e2e.ts', 'frontend/test/e2e/*.e2e.ts'], { cwd: ROOT })).sort();
  return [
    { name: 'check', argv: [...tsx, 'scripts/check.ts'] },
    { name: 'scripts', argv: [...tsx, '--test', ...unit] },
    { name: 'build', argv: [...tsx, 'scripts/build.ts'] },
    { name: 'backend', argv: ['npm', 'test', '--silent', '-w', 'backend'] },
    { name: 'frontend', argv: ['npm', 'test', '--silent', '-w', 'frontend'] },
    // Two at a time: they mostly wait, and a small machine has two cores.
    { name: 'end-to-end', argv: [...tsx, '--test', '--test-concurrency=2', ...e2e] },
  ];
}

await main(import.meta.url, {
  usage: USAGE,
  options: { only: { type: 'string' } },
  async run(flags) {
    await installTools(['chromium', 'shellcheck'], 'the tests');
    const steps = (await listSteps()).filter(({ name }) => !flags.only || name === flags.only);
    const failed: string[] = [];
    for (const { name, argv } of steps) {
      const startedAt = Date.now();
      say(paint('bold', `\n── ${name}`));
      const { exitCode } = await run(argv, { cwd: ROOT, inherit: true });
      if (exitCode !== 0) failed.push(name);
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
