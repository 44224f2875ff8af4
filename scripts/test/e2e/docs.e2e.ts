import assert from 'node:assert/strict';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { glob } from 'zx';
import { ROOT } from '../../lib/process/root.ts';
import { run } from '../../lib/process/shell.ts';
import { findShellBlocks } from '../shell-blocks.ts';
import { TestStack } from './harness.ts';

/** What a page finds when its first block is run; `production` unless said. */
const STARTS: Readonly<Record<string, 'nothing' | 'production' | 'test'>> = {
  'README.md': 'nothing',
  'docs/deployment/npm-deployment.md': 'nothing',
  'docs/base-images.md': 'production',
  'docs/CONTRIBUTING.md': 'nothing',
};

/** Every shell block of README and docs, run as it is written, on a stack of the test's own. */
describe('documentation', async () => {
  const pages = (await glob(['README.md', 'docs/**/*.md'], { cwd: ROOT })).sort();
  let stack: TestStack;

  before(async () => {
    stack = await TestStack.create('docs');
  });
  after(() => stack?.dispose());

  for (const page of pages) {
    const blocks = findShellBlocks(readFileSync(join(ROOT, page), 'utf8')).filter(({ notRun }) => !notRun);
    if (blocks.length === 0) continue;

    describe(page, () => {
      before(async () => {
        await stack.destroy();
        const start = STARTS[page] ?? 'production';
        // A newcomer has no env file; everybody else goes on with the one there is.
        if (start === 'nothing') rmSync(stack.settings.envFile, { force: true });
        else await stack.script('prod-env');
        if (start === 'production') await stack.mustScript('npm-network', ['create']);
        if (start !== 'nothing') await stack.mustScript('up', start === 'test' ? ['--test'] : []);
      });

      for (const { line, code } of blocks) {
        it(`line ${line}: ${code.split('\n')[0]}`, async () => {
          const argv = ['bash', '-euo', 'pipefail', '-c', localize(code, stack)];
          const { exitCode, stdout, stderr } = await run(argv, {
            cwd: ROOT,
            env: stack.env,
            timeoutMs: 300_000,
          });
          assert.equal(exitCode, 0, `${code}\n${stdout}${stderr}`.slice(-4000));
        });
      }
    });
  }
});

/** The same commands on the names and ports of the test's stack instead of the default ones. */
function localize(code: string, { settings }: TestStack): string {
  const { prefix, network, ports } = settings;
  return code
    .replaceAll(/\bkidney-genetics-(?=backend|frontend|postgres|internal|test)/g, `${prefix}-`)
    .replaceAll(/\bnpm-proxy\b(?!-)/g, network)
    .replaceAll('127.0.0.1:8080', `127.0.0.1:${ports.frontend}`)
    .replaceAll('127.0.0.1:8001', `127.0.0.1:${ports.backend}`)
    .replaceAll('127.0.0.1:5433', `127.0.0.1:${ports.postgres}`);
}
