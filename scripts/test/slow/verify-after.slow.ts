import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Result } from '../../lib/verify/check.ts';
import { TestStack } from '../e2e/harness.ts';
import { changeImage } from '../e2e/update-users.ts';

/** What the kit itself changes is no drift: a false alarm teaches operators to look away. */
describe('prod-verify finds nothing broken', { timeout: 900_000 }, () => {
  let stack: TestStack;
  const genes = () => join(stack.tmp, 'genes.csv');

  before(async () => {
    stack = await TestStack.create('after');
    await stack.mustScript('npm-network', ['create']);
    await stack.mustScript('up');
    await stack.mustScript('backup');
  });
  after(() => stack?.dispose());

  const steps: readonly (readonly [what: string, run: () => Promise<unknown>])[] = [
    [
      'an update',
      async () => {
        await changeImage(stack, 'backend', 'next');
        await changeImage(stack, 'frontend', 'next');
        await stack.mustScript('update', ['--no-build', '--no-backup']);
      },
    ],
    ['a rollback', () => stack.mustScript('rollback')],
    [
      'an import that replaces all',
      async () => {
        await stack.mustScript('data-export', [genes()]);
        await stack.mustScript('data-import', ['--replace', '--yes', genes()]);
      },
    ],
    ['a restore', () => stack.mustScript('restore', ['latest', '--yes'])],
    ['its undoing', () => stack.mustScript('restore', ['--undo', '--yes'])],
    ['a rotation of the secrets', () => stack.mustScript('rotate-secrets')],
    ['a restart', () => stack.mustScript('restart')],
  ];
  for (const [what, step] of steps) {
    it(`after ${what}`, async () => {
      await step();
      const { stdout } = await stack.script('verify', ['--json']);
      const { results } = JSON.parse(stdout) as { results: Result[] };
      const failed = results.filter(({ status }) => status === 'fail');
      assert.deepEqual(
        failed.map(({ id, found }) => `${id}: ${found.slice(0, 2000)}`),
        [],
      );
    });
  }
});
