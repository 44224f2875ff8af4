// Alone: users ask all the time, and what they meet must be due to the update.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { listContainers } from '../../lib/docker/containers.ts';
import { IMAGES } from '../../lib/images/build-argv.ts';
import { lockPath } from '../../lib/process/lock.ts';
import { mustRun, run } from '../../lib/process/shell.ts';
import { listStack } from '../../lib/stack/containers.ts';
import { startScript, TestStack, until } from '../e2e/harness.ts';
import { isGood } from '../faults/outage.ts';
import { OutsideUsers } from '../faults/users.ts';

const HINT = 'see above';

describe('updates that are broken off, with users asking throughout', { timeout: 900_000 }, () => {
  let stack: TestStack;
  let users: OutsideUsers;
  let begin = 0;

  before(async () => {
    stack = await TestStack.create('broken');
    await stack.mustScript('npm-network', ['create']);
    await stack.mustScript('up');
    users = new OutsideUsers(stack);
    await users.start();
  });
  beforeEach(() => {
    begin = Date.now();
  });
  after(async () => {
    await users?.stop();
    await stack?.dispose();
  });

  const image = (name: string): string => `${stack.settings.prefix}-${name}:latest`;

  const isFree = async (): Promise<boolean> =>
    (await run(['flock', '--nonblock', lockPath(stack.settings.prefix), 'true'])).exitCode === 0;

  /** Ends a command with a signal once it has said something. */
  const breakOff = async (
    [name, ...args]: [string, ...string[]],
    when: RegExp,
    signal: NodeJS.Signals,
  ): Promise<number | null> => {
    const { child, ended, said } = startScript(stack, name, args);
    await until(`${name} says ${when}`, 150_000, async () => when.test(said()));
    await sleep(700);
    child.kill(signal);
    return ended;
  };

  const assertWhole = async (): Promise<void> => {
    const own = [stack.name('backend'), stack.name('frontend'), stack.name('postgres')];
    // Those that were replaced go by themselves.
    await until('one container of each service is there', 60_000, async () => {
      const all = await listContainers(`label=com.docker.compose.project=${stack.settings.prefix}`);
      return isDeepStrictEqual(all.map(({ name }) => name).sort(), own);
    });
    assert.ok(await isFree(), 'the lock is free');
  };

  const revisions = async (): Promise<string[]> =>
    (await listStack(stack.settings)).map(({ revision }) => revision).slice(0, 2);

  /** Every request: nginx answers 503 by itself for a backend that is missing. */
  const assertAllServed = async (t: TestContext): Promise<void> => {
    const asked = await users.asked(begin);
    t.diagnostic(`${asked.length} requests in ${((Date.now() - begin) / 1000).toFixed(1)} s`);
    const dropped = asked.filter((one) => !isGood(one));
    assert.deepEqual(dropped, [], `of ${asked.length} requests`);
    assert.ok(asked.length > 50, `${asked.length} requests`);
  };

  it('a changed env file is deployed like a new image: only what it is about is replaced', async (t) => {
    const before = await listStack(stack.settings);
    stack.setEnv('LOG_LEVEL', 'WARNING');
    await stack.mustScript('update', ['--no-build', '--no-backup']);
    const after = await listStack(stack.settings);
    const replaced = after.filter(({ id }) => !before.some((one) => one.id === id)).map(({ name }) => name);
    assert.deepEqual(replaced, [stack.name('backend')]);
    const environment = ['docker', 'inspect', '--format', '{{json .Config.Env}}', stack.name('backend')];
    assert.match(await mustRun(environment, HINT), /"LOG_LEVEL=WARNING"/);
    assert.match(await stack.mustScript('up'), /Already up and unchanged/);
    await assertWhole();
    await assertAllServed(t);
  });

  it('an update is ended by Ctrl-C, then killed, then carried on to its end', async (t) => {
    for (const name of ['backend', 'frontend']) {
      const input = `FROM ${image(name)}\nLABEL org.opencontainers.image.revision=second\nENV KGT_SOURCES=second\n`;
      await mustRun(['docker', 'build', '-t', image(name), '-'], HINT, { input });
    }
    const before = await listStack(stack.settings);
    const update: [string, ...string[]] = ['update', '--no-build', '--no-backup'];
    assert.equal(await breakOff(update, /backend: starting the next one/, 'SIGINT'), 130);
    assert.ok(await isFree(), 'Ctrl-C lets go of the lock');
    const still = await listStack(stack.settings);
    assert.deepEqual(
      still.map(({ id }) => id),
      before.map(({ id }) => id),
      'nothing was touched',
    );
    await breakOff(update, /backend: the current one finishes/, 'SIGKILL');
    assert.ok(await isFree(), 'the kernel lets go for a killed one');
    await stack.mustScript('update', ['--no-build', '--no-backup']);
    await assertWhole();
    assert.deepEqual(await revisions(), ['second', 'second']);
    await assertAllServed(t);
  });

  it('the way back is killed half-way, and carried on to its end', async (t) => {
    await breakOff(['rollback'], /frontend: both answer/, 'SIGKILL');
    assert.notEqual((await revisions())[0], 'second', 'the backend is back already');
    await stack.mustScript('rollback');
    await assertWhole();
    assert.ok(!(await revisions()).includes('second'));
    await assertAllServed(t);
  });

  it('the way back from an update that was killed half-way leads to what was deployed', async (t) => {
    const deployed = (await listStack(stack.settings)).map(({ image }) => image);
    for (const when of [/backend: both answer/, /frontend: both answer/]) {
      await breakOff(['update', '--no-build', '--no-backup'], when, 'SIGKILL');
      assert.equal((await revisions())[0], 'second', 'the backend is new already');
      assert.match(await stack.mustScript('rollback'), /Going back from what a change left half way to/);
      await assertWhole();
      const images = (await listStack(stack.settings)).map(({ image }) => image);
      assert.deepEqual(images, deployed);
    }
    await assertAllServed(t);
  });

  it('prod-prune removes old images of this stack, and none of anybody else', async () => {
    const { prefix } = stack.settings;
    const others = [`${prefix}-neighbour/backend:0.1.0-old-abcdef`, `${prefix}-backend-api:0.1.0-old-abcdef`];
    const ours = [`${prefix}-backend:0.1.0-old-abcdef`, `${prefix}-frontend:0.1.0-old-abcdef`];
    for (const name of [...others, ...ours]) {
      // Images of their own: one that is in use would stay, whatever its names.
      const input = `FROM ${image('backend')}\nLABEL kgt=${name}\n`;
      await mustRun(['docker', 'build', '-t', name, '-'], HINT, { input });
    }
    try {
      const said = await stack.mustScript('prune');
      for (const name of ours) assert.match(said, new RegExp(`^  ${name}$`, 'm'));
      for (const name of ours) assert.equal((await run(['docker', 'image', 'inspect', name])).exitCode, 1);
      for (const name of others) await mustRun(['docker', 'image', 'inspect', name], `${name} has to stay`);
      for (const name of IMAGES) await mustRun(['docker', 'image', 'inspect', image(name)], HINT);
      assert.equal((await stack.script('prune', ['--cache-age', 'old'])).exitCode, 2);
    } finally {
      await run(['docker', 'rmi', ...others]);
    }
  });

  it('prod-health and prod-up warn of a disk that is nearly full, of bytes or of files', async () => {
    const small = join(stack.tmp, 'small-disk');
    mkdirSync(small);
    for (const [size, left] of [
      ['size=64m', '64 MiB \\(100 %\\)'],
      ['size=20g,nr_inodes=10', '\\d inodes \\(\\d+ %\\)'],
    ]) {
      await mustRun(['mount', '-t', 'tmpfs', '-o', `${size},mode=0700`, 'tmpfs', small], HINT);
      const files = Array.from({ length: size === 'size=64m' ? 0 : 8 }, (_, index) =>
        join(small, `file-${index}`),
      );
      for (const file of files) writeFileSync(file, '');
      try {
        for (const command of ['health', 'up']) {
          const { stderr } = await stack.script(command, [], { BACKUP_DIR: small });
          assert.match(stderr, new RegExp(`Only ${left} of the backups' disk \\(\\S+small-disk\\) are free`));
          assert.doesNotMatch((await stack.script(command)).stderr, /the backups' disk/);
        }
      } finally {
        await run(['umount', small]);
      }
    }
  });
});
