import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { ROOT } from '../../lib/process/root.ts';
import { mustRun, run } from '../../lib/process/shell.ts';
import { listStack } from '../../lib/stack/containers.ts';
import { volumeName } from '../../lib/stack/stack.ts';
import { TEST_PREFIX, TestStack } from './harness.ts';

describe('what stands in the way is said, with the one thing that fixes it', { timeout: 300_000 }, () => {
  let stack: TestStack;
  let good: string;

  before(async () => {
    stack = await TestStack.create('no');
    good = readFileSync(stack.settings.envFile, 'utf8');
  });
  after(() => stack?.dispose());

  const refused = async (script: string, args: string[], exitCode: number, said: RegExp, env = {}) => {
    const result = await stack.script(script, args, env);
    assert.match(result.stderr, said);
    assert.equal(result.exitCode, exitCode);
    assert.deepEqual(await listStack(stack.settings), [], 'nothing was started');
  };

  it('no Docker', async () => {
    const bin = join(stack.tmp, 'bin');
    mkdirSync(bin);
    for (const program of ['bash', 'git', 'flock']) {
      const path = (await mustRun(['which', program], 'see above')).trim();
      symlinkSync(path, join(bin, program));
    }
    await refused('up', [], 3, /Docker is not installed\n.*make host-setup/, { PATH: bin });
  });

  it('a stopped Docker', async () => {
    const env = { DOCKER_HOST: `unix://${join(stack.tmp, 'nobody.sock')}` };
    const result = await stack.script('up', [], env);
    assert.match(result.stderr, /its engine does not answer\n.*make host-setup/);
    assert.equal(result.exitCode, 3);
  });

  it('no network to share with the proxy', async () => {
    await refused('up', [], 3, /network \S+-no-proxy.* is missing\n.*make npm-network-create/);
    const check = await stack.script('npm-network', ['check']);
    assert.equal(check.exitCode, 3);
  });

  it('a container name taken by another app', async () => {
    await mustRun(
      ['docker', 'create', '--name', stack.name('backend'), `${stack.name('backend')}:latest`],
      'see above',
    );
    await stack.mustScript('npm-network', ['create']);
    await refused('up', [], 3, /name \S+-no-backend is taken by a container outside Compose/);
    await mustRun(['docker', 'rm', '-v', stack.name('backend')], 'see above');
  });

  it('a name on the shared network that another app answers to', async () => {
    const squatter = `${stack.settings.prefix}-squatter`;
    const argv = ['docker', 'run', '-d', '--name', squatter, '--network', stack.settings.network];
    const alias = ['--network-alias', stack.name('frontend'), `${stack.name('backend')}:latest`];
    await mustRun([...argv, ...alias, 'node', '-e', 'setInterval(() => {}, 1e6)'], 'see above');
    await refused('up', [], 3, /\S+-no-squatter of another app already answers to \S+-no-frontend/);
    const check = await stack.mustScript('npm-network', ['check']);
    assert.match(check, /-no-squatter .*-no-frontend/);
    await run(['docker', 'rm', '-f', '-v', squatter]);
  });

  it('a shared network whose range is full', async () => {
    const { network } = stack.settings;
    await mustRun(['docker', 'network', 'rm', network], 'see above');
    // 192.0.2.0/24 is nobody's (RFC 5737); of its range one address is left.
    const range = ['--subnet', '192.0.2.0/24', '--gateway', '192.0.2.1', '--ip-range', '192.0.2.8/32'];
    await mustRun(['docker', 'network', 'create', ...range, network], 'see above');
    const { stderr, exitCode } = await stack.script('up');
    assert.match(
      stderr,
      /✘ The network \S+-no-proxy has no address left: .*\n +→ docker network inspect \S+-no-proxy /,
    );
    assert.equal(exitCode, 1);
    await stack.mustScript('down');
    await mustRun(['docker', 'volume', 'rm', volumeName(stack.settings)], 'see above');
    await mustRun(['docker', 'network', 'rm', network], 'see above');
    await stack.mustScript('npm-network', ['create']);
  });

  it('a proxy in host network mode, which can join no other', async () => {
    const npm = `${stack.settings.prefix}-host-npm`;
    const image = `${TEST_PREFIX}-nginx-proxy-manager:no`;
    await mustRun(['docker', 'tag', `${stack.name('backend')}:latest`, image], 'see above');
    try {
      const idle = ['node', '-e', 'setInterval(() => {}, 1e6)'];
      await mustRun(['docker', 'run', '-d', '--name', npm, '--network', 'host', image, ...idle], 'see above');
      const { stderr } = await stack.script('npm-network', ['check']);
      assert.match(
        stderr,
        /-host-npm shares the host's network and cannot join \S+-no-proxy: take network_mode: host out/,
      );
    } finally {
      await run(['docker', 'rm', '-f', '-v', npm]);
      await run(['docker', 'rmi', image]);
    }
  });

  it('every problem of the env file at once', async () => {
    writeFileSync(
      stack.settings.envFile,
      good.replace(/^SECRET_KEY=.*$/m, 'SECRET_KEY=short').replace(/^LOG_LEVEL=.*$/m, 'LOG_LEVLE=INFO'),
    );
    const said =
      /3 problems:\n +SECRET_KEY is shorter.*\n +LOG_LEVEL is missing\n +LOG_LEVLE .*mean LOG_LEVEL\?/;
    await refused('up', [], 1, said);
    await refused('prod-env', [], 1, said);
    writeFileSync(stack.settings.envFile, good);
  });

  it('a missing env file', async () => {
    unlinkSync(stack.settings.envFile);
    await refused('up', [], 3, /is missing\n.*make prod-env/);
    writeFileSync(stack.settings.envFile, good, { mode: 0o600 });
  });

  it('a port of test mode that is taken', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(stack.settings.ports.frontend, '127.0.0.1', resolve));
    const result = await stack.script('up', ['--test']);
    server.close();
    assert.match(result.stderr, /choose other ports: make prod-env TEST_FRONTEND_PORT=/);
    assert.equal(result.exitCode, 1);
    await stack.mustScript('down', ['--test']);
  });

  it('data of another major version of PostgreSQL', async () => {
    const volume = volumeName(stack.settings);
    await mustRun(['docker', 'volume', 'create', volume], 'see above');
    const write = ['--entrypoint', 'bash', `${stack.name('postgres')}:latest`, '-c'];
    const mount = `${volume}:/var/lib/postgresql/data`;
    const mark = 'echo 15 > /var/lib/postgresql/data/PG_VERSION';
    await mustRun(['docker', 'run', '--rm', '--volume', mount, ...write, mark], 'see above');
    await refused('up', [], 1, /holds data of PostgreSQL 15, and the image is PostgreSQL 17/);
    await mustRun(['docker', 'volume', 'rm', volume], 'see above');
  });

  it('another name for a stack that has data, and not for one whose data another checkout made', async () => {
    const volume = volumeName(stack.settings);
    const make = (checkout: string) =>
      mustRun(
        ['docker', 'volume', 'create', '--label', `kidney-genetics.checkout=${checkout}`, volume],
        'see above',
      );
    const rename = [`STACK_PREFIX=${stack.settings.prefix}-b`];
    stack.setEnv('STACK_PREFIX', stack.settings.prefix);
    await make(ROOT);
    await refused('prod-env', rename, 1, /This checkout's stack is \S+-no, which has data/);
    await mustRun(['docker', 'volume', 'rm', volume], 'see above');
    await make(stack.tmp);
    assert.match(await stack.mustScript('prod-env', rename), /STACK_PREFIX=\S+-no-b\n/);
    await mustRun(['docker', 'volume', 'rm', volume], 'see above');
    writeFileSync(stack.settings.envFile, good);
  });

  it('a flag that is none', async () => {
    await refused('up', ['--tset'], 2, /--tset/);
  });

  it('an existing env file is checked, not changed', async () => {
    assert.match(await stack.mustScript('prod-env'), /nothing was changed/);
    assert.equal(readFileSync(stack.settings.envFile, 'utf8'), good);
  });
});
