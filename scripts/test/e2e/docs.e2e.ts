import assert from 'node:assert/strict';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { glob } from 'zx';
import { ROOT } from '../../lib/process/root.ts';
import { run } from '../../lib/process/shell.ts';
import { findShellBlocks } from '../shell-blocks.ts';
import { TestStack } from './harness.ts';

/** Pages for a newcomer, who has no env file and no stack. The others go on with what the page before left. */
const FROM_NOTHING = ['README.md', 'docs/deployment/npm-deployment.md'];
/** prod-verify's own page: whatever the others updated, restored, rotated and imported, it finds nothing broken. */
const LAST = 'docs/deployment/security-hardening.md';

/** Every shell block of README and docs, run as it is written, on a stack of the test's own. */
describe('documentation', async () => {
  const pages = (await glob(['README.md', 'docs/**/*.md'], { cwd: ROOT })).sort();
  const between = pages.filter((page) => !FROM_NOTHING.includes(page) && page !== LAST);
  let stack: TestStack;

  before(async () => {
    stack = await TestStack.create('docs');
  });
  after(() => stack?.dispose());

  for (const page of [...FROM_NOTHING, ...between, LAST]) {
    const blocks = findShellBlocks(readFileSync(join(ROOT, page), 'utf8')).filter(({ notRun }) => !notRun);
    if (blocks.length === 0) continue;

    describe(page, () => {
      before(() => (FROM_NOTHING.includes(page) ? startFromNothing() : assertUp()));

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

  async function startFromNothing(): Promise<void> {
    await stack.destroy();
    rmSync(stack.settings.envFile, { force: true });
  }

  /** Starts the stack where no page has: one page alone is tested. */
  async function assertUp(): Promise<void> {
    await stack.script('prod-env');
    await stack.mustScript('npm-network', ['create']);
    await stack.mustScript('up');
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
