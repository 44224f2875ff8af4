import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmodSync, cpSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { commandArgv } from '../../lib/process/command.ts';
import { ROOT } from '../../lib/process/root.ts';
import { mustRun, run } from '../../lib/process/shell.ts';
import { stateDir } from '../../lib/release/history.ts';
import { secretsDir } from '../../lib/secrets/secrets.ts';
import { formerName, listStack } from '../../lib/stack/containers.ts';
import { volumeName } from '../../lib/stack/stack.ts';
import { TestStack, until } from './harness.ts';
import { changeImage } from './update-users.ts';

/** Three at a time: what is refused changes nothing that another one could see. */
async function byThrees(
  commands: readonly string[],
  check: (command: string) => Promise<void>,
): Promise<void> {
  for (let at = 0; at < commands.length; at += 3) await Promise.all(commands.slice(at, at + 3).map(check));
}

describe('a stack that somebody has laid hands on', { timeout: 600_000 }, () => {
  let stack: TestStack;

  before(async () => {
    stack = await TestStack.create('hand');
    await stack.mustScript('npm-network', ['create']);
    await stack.mustScript('up');
  });
  after(() => stack?.dispose());

  it('refuses a database password, role or name that the volume was not made with', async () => {
    const good = readFileSync(stack.settings.envFile, 'utf8');
    stack.setEnv('POSTGRES_PASSWORD', 'o'.repeat(43));
    const refused = await stack.script('up');
    assert.equal(refused.exitCode, 1);
    assert.match(refused.stderr, /POSTGRES_PASSWORD .* was made with another/);
    for (const [key, former] of [
      ['POSTGRES_USER', 'kidney_user'],
      ['POSTGRES_DB', 'kidney_genetics'],
    ] as const) {
      writeFileSync(stack.settings.envFile, good.replaceAll(former, 'renamed'));
      const { exitCode, stderr } = await stack.script('up');
      assert.equal(exitCode, 1);
      assert.match(stderr, new RegExp(`${key} in the env file is renamed, but .* was made with ${former}\n`));
    }
    writeFileSync(stack.settings.envFile, good);
    assert.match(await stack.mustScript('up'), /Already up and unchanged/);
  });

  it('comes up though its backend was in a loop of restarts before', async () => {
    const path = join(secretsDir(stack.settings.prefix), 'database_url');
    chmodSync(path, 0o644);
    writeFileSync(path, 'nonsense');
    await mustRun(['docker', 'restart', stack.name('backend')], 'see above');
    await until('the backend was restarted again and again', 30_000, async () => {
      return (await stack.container('backend')).restarts >= 3;
    });
    assert.match(await stack.mustScript('up'), /All healthy/);
  });

  it('tells of a container that was taken off its network, healthy or not, and prod-up fixes it', async () => {
    const { network, prefix } = stack.settings;
    await mustRun(['docker', 'network', 'disconnect', network, stack.name('frontend')], 'see above');
    const health = await stack.script('health');
    assert.equal(health.exitCode, 1);
    assert.match(health.stdout, /-frontend +running +healthy/, 'its own probe finds nothing');
    assert.match(health.stderr, new RegExp(`-frontend: not on the network ${network}\n[^]*make prod-up\n`));
    await mustRun(
      ['docker', 'network', 'disconnect', `${prefix}-internal`, stack.name('backend')],
      'see above',
    );
    const restart = await stack.script('restart', ['--timeout', '5']);
    assert.match(restart.stderr, /-backend is not on the network \S+-internal\n.*make prod-up\n/);
    const up = await stack.script('up');
    assert.equal(up.exitCode, 0, up.stderr);
    assert.match(up.stderr, /-frontend is connected to the network \S+ again/);
    assert.equal((await stack.script('health')).exitCode, 0);
  });

  it('is not moved to another network by a command that was given another one', async () => {
    const other = `${stack.settings.prefix}-other`;
    await mustRun(['docker', 'network', 'create', other], 'see above');
    try {
      const commands = ['up', 'update', 'health', 'down', 'restart', 'backup', 'restore', 'prune'];
      await byThrees(commands, async (command) => {
        const args = command === 'restore' ? ['latest'] : [];
        const { exitCode, stderr } = await stack.script(command, args, { NPM_NETWORK: other });
        assert.match(
          stderr,
          new RegExp(`NPM_NETWORK is ${other} in this shell, and ${stack.settings.network} in`),
        );
        assert.equal(exitCode, 2, command);
      });
      stack.setEnv('NPM_NETWORK', other);
      for (const command of ['up', 'update', 'health']) {
        const { exitCode, stderr } = await stack.script(command, [], { NPM_NETWORK: '' });
        assert.match(stderr, new RegExp(`make prod-env NPM_NETWORK=${stack.settings.network}`), command);
        assert.equal(exitCode, command === 'health' ? 1 : 2);
      }
    } finally {
      stack.setEnv('NPM_NETWORK', stack.settings.network);
      await mustRun(['docker', 'network', 'rm', other], 'see above');
    }
    assert.match(await stack.mustScript('up'), /Already up and unchanged/);
  });

  it('comes up when the shared network was made anew while it did not run', async () => {
    const { network } = stack.settings;
    const names = (await listStack(stack.settings)).map(({ name }) => name);
    await mustRun(['docker', 'stop', ...names], 'see above');
    await mustRun(['docker', 'network', 'rm', network], 'see above');
    assert.match((await stack.script('up')).stderr, /The network \S+, shared with the proxy, is missing/);
    await stack.mustScript('npm-network', ['create']);
    assert.match(await stack.mustScript('up'), /All healthy/);
    assert.equal((await stack.script('health')).exitCode, 0);
  });

  it('survives a `git clean -fdx`: no restart stops it, and prod-up starts what it runs, not what was built', async () => {
    const { prefix } = stack.settings;
    const before = await stack.container('backend');
    for (const folder of [secretsDir(prefix), stateDir(prefix)]) rmSync(folder, { recursive: true });
    await changeImage(stack, 'backend', 'newer');
    const restart = await stack.script('restart');
    assert.deepEqual([restart.exitCode, (await stack.container('backend')).startedAt], [3, before.startedAt]);
    assert.match(
      restart.stderr,
      /is gone: a container that is stopped now would not start again\n.*make prod-up\n/,
    );
    assert.match(await stack.mustScript('up'), /another build is here: make prod-update/);
    assert.equal((await stack.container('backend')).imageId, before.imageId);
    assert.match(await stack.mustScript('restart'), /Restarted, all healthy/);
    assert.match(await stack.mustScript('history'), /make prod-up .*done/);
  });

  it('says soon that a volume was made with another password, and takes the right one then', async () => {
    const good = readFileSync(stack.settings.envFile, 'utf8');
    await stack.mustScript('down');
    rmSync(secretsDir(stack.settings.prefix), { recursive: true });
    stack.setEnv('POSTGRES_PASSWORD', 'o'.repeat(43));
    const startedAt = Date.now();
    const refused = await stack.script('up');
    assert.equal(refused.exitCode, 1);
    assert.match(refused.stderr, /The database refuses the role, password or database name of the env file/);
    assert.ok(Date.now() - startedAt < 60_000, 'it is not waited for');
    writeFileSync(stack.settings.envFile, good);
    assert.match(await stack.mustScript('up'), /All healthy/);
    stack.setEnv('POSTGRES_PASSWORD', 'o'.repeat(43));
    assert.match((await stack.script('up')).stderr, /POSTGRES_PASSWORD .* was made with another/);
    writeFileSync(stack.settings.envFile, good);
  });

  it('is not taken over by another checkout, which has secrets and a history of its own', async () => {
    const other = join(stack.tmp, 'other');
    for (const part of [
      'scripts',
      'deploy',
      'backend',
      'package.json',
      'tsconfig.json',
      'tsconfig.base.json',
    ]) {
      const isOurs = (path: string) => !/deploy\/(secrets|state)\/.|node_modules/.test(path);
      cpSync(join(ROOT, part), join(other, part), { recursive: true, filter: isOurs });
    }
    symlinkSync(join(ROOT, 'node_modules'), join(other, 'node_modules'));
    const before = (await listStack(stack.settings)).map(({ id }) => id);
    const commands = [
      'up',
      'down',
      'restart',
      'update',
      'rollback',
      'rotate-secrets',
      'logs',
      'health',
      'verify',
    ];
    commands.push(
      'backup',
      'restore',
      'data-import',
      'data-export',
      'images',
      'prune',
      'db-upgrade',
      'build',
      'scan',
      'npm-proxy-host',
      'npm-stack',
    );
    await byThrees(commands, async (command) => {
      const word: Record<string, string> = {
        restore: 'latest',
        'data-import': 'genes.csv',
        'data-export': 'genes.csv',
        'npm-proxy-host': 'genes.example.org',
        'npm-stack': 'down',
      };
      const argv = commandArgv(command, word[command] ? [word[command]] : []);
      const { exitCode, stderr } = await run(argv, { cwd: other, env: stack.env });
      assert.match(
        stderr,
        new RegExp(`${stack.settings.prefix} runs from another checkout, ${ROOT}, `),
        command,
      );
      assert.equal(exitCode, 3);
    });
    assert.deepEqual(
      (await listStack(stack.settings)).map(({ id }) => id),
      before,
    );
  });

  /** `docker compose` as somebody types it who knows the files and not the kit. */
  const byHand = (...args: string[]): [argv: string[], env: Record<string, string>] => [
    ['docker', 'compose', '-p', stack.settings.prefix, '-f', 'deploy/docker-compose.prod.yml', ...args],
    { STACK_PREFIX: stack.settings.prefix, NPM_NETWORK: stack.settings.network },
  ];
  const handiwork = async () =>
    (JSON.parse((await stack.script('health', ['--json'])).stdout) as { handiwork: string[] }).handiwork;

  it('tells of a docker compose by hand that was broken off, and prod-up sets it right', async () => {
    const [argv, env] = byHand('up', '-d', '--no-deps', 'kidney-genetics-frontend-service');
    const [docker = '', ...args] = argv;
    const options = { cwd: ROOT, env: { ...process.env, ...env }, detached: true } as const;
    const { pid = 0 } = spawn(docker, args, { ...options, stdio: 'ignore' });
    const left = ['docker', 'ps', '-aq', '--filter', `name=^/[0-9a-f]{12}_${stack.name('frontend')}$`];
    await until('its container is made', 30_000, async () => (await run(left)).stdout !== '', 20);
    // The client and its plugin.
    process.kill(-pid, 'SIGKILL');
    const told = (await handiwork()).join('\n');
    assert.match(told, /[0-9a-f]{12}_\S+-frontend is what a broken-off docker compose left/);
    assert.match((await stack.script('up')).stdout, /All healthy|Already up/);
    assert.deepEqual([await handiwork(), (await run(left)).stdout], [[], '']);
  });

  it('tells of settings that a docker compose by hand lost, and prod-up gives them back', async () => {
    await stack.ownerSql("UPDATE genes SET name = 'kept' WHERE symbol = 'PKD1'");
    const [argv, env] = byHand('up', '-d');
    assert.equal((await run(argv, { cwd: ROOT, env })).exitCode, 0);
    assert.match((await handiwork()).join('\n'), /-backend runs with other settings than the env file/);
    assert.match(await stack.mustScript('up'), /All healthy/);
    assert.deepEqual(await handiwork(), []);
  });

  it('keeps its data over a docker compose down -v, and makes no empty ones where they are gone', async () => {
    const [argv, env] = byHand('down', '-v');
    assert.equal((await run(argv, { cwd: ROOT, env })).exitCode, 0);
    assert.match(await stack.mustScript('up'), /All healthy/);
    assert.equal(await stack.ownerSql("SELECT name FROM genes WHERE symbol = 'PKD1'"), 'kept');
    await stack.mustScript('down');
    await mustRun(['docker', 'volume', 'rm', volumeName(stack.settings)], 'see above');
    const { exitCode, stderr } = await stack.script('up');
    assert.match(stderr, /The history knows of data, but the volume \S+ is gone\b[^\n]*\n.*EMPTY=1/);
    assert.equal(exitCode, 1);
    assert.match(await stack.mustScript('up', ['--empty']), /All healthy/);
  });

  it('says at once which container somebody removed, and the command that is named brings it back', async () => {
    await mustRun(['docker', 'rm', '--force', stack.name('frontend')], 'see above');
    const startedAt = Date.now();
    const restart = await stack.script('restart');
    assert.equal(restart.exitCode, 1);
    assert.match(restart.stderr, /-frontend is not there: somebody has removed it\n.*make prod-up\n/);
    assert.ok(Date.now() - startedAt < 20_000, 'it is not waited for');
    assert.match(await stack.mustScript('up'), /All healthy/);
  });

  it('lets the container go on that an update was replacing, when the one after it was removed by hand', async () => {
    const { id, startedAt } = await stack.container('frontend');
    const former = formerName(stack.settings, 'kidney-genetics-frontend-service', id);
    await mustRun(['docker', 'rename', id, former], 'see above');
    assert.deepEqual(await handiwork(), [
      `${stack.name('frontend')} is not there, and ${former}, which it replaced, still is`,
    ]);
    await stack.mustScript('up');
    assert.equal((await stack.container('frontend')).startedAt, startedAt);
  });
});
