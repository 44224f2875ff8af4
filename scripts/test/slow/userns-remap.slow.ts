import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { IMAGES } from '../../lib/images/build-argv.ts';
import { $, mustRun, type RunResult, run } from '../../lib/process/shell.ts';
import type { Result } from '../../lib/verify/check.ts';
import { TEST_PREFIX, TestStack, until } from '../e2e/harness.ts';

/**
 * Not part of `make test`, as it starts a second engine, with userns-remap, in a network namespace of its own and leaves
 * the host's alone. As root, with the dockerd of this host:
 * node --import tsx --test scripts/test/slow/userns-remap.slow.ts
 */
const SPACE = `${TEST_PREFIX}-userns`;
const HINT = 'see the output above';
const FIRST_UID = '200000';

describe('an engine with userns-remap', { timeout: 1_200_000 }, () => {
  let stack: TestStack;
  let folder: string;
  let engine: ReturnType<typeof startEngine> | undefined;
  let host: string;

  before(async () => {
    stack = await TestStack.create('userns');
    folder = mkdtempSync(join(tmpdir(), `${SPACE}-`));
    // The root that is remapped has to get through to the engine's folders.
    chmodSync(folder, 0o711);
    host = `unix://${folder}/docker.sock`;
    await run(['ip', 'netns', 'del', SPACE]);
    await mustRun(['ip', 'netns', 'add', SPACE], HINT);
    await mustRun(['ip', '-n', SPACE, 'link', 'set', 'lo', 'up'], HINT);
    engine = startEngine();
    await until('the second engine answers', 60_000, async () => (await docker(['version'])).exitCode === 0);
    const archive = join(folder, 'images.tar');
    const names = IMAGES.map((image) => `${stack.settings.prefix}-${image}:latest`);
    await mustRun(['docker', 'save', '--output', archive, ...names], HINT);
    await mustRun(['docker', '--host', host, 'load', '--input', archive], HINT);
    rmSync(archive);
    stack.env.DOCKER_HOST = host;
  });
  after(async () => {
    await engine?.kill('SIGTERM');
    await engine;
    delete stack?.env.DOCKER_HOST;
    await run(['ip', 'netns', 'del', SPACE]);
    rmSync(folder, { recursive: true, force: true });
    await stack?.dispose();
  });

  /** The engine sees tables of subordinate ids that are not the host's: there is no user to be made. */
  function startEngine() {
    const ids = join(folder, 'subid');
    writeFileSync(ids, `daemon:${FIRST_UID}:65536\n`);
    writeFileSync(join(folder, 'daemon.json'), '{}');
    mkdirSync(join(folder, 'exec'));
    const script = 'mount --bind "$1" /etc/subuid; mount --bind "$1" /etc/subgid; shift; exec "$@"';
    const flags = {
      '--data-root': join(folder, 'data'),
      '--exec-root': join(folder, 'exec'),
      '--pidfile': join(folder, 'pid'),
      '--config-file': join(folder, 'daemon.json'),
      '--cgroup-parent': `/${SPACE}`,
      '--userns-remap': 'daemon:daemon',
      '--host': host,
    };
    const dockerd = ['sh', '-euc', script, 'sh', ids, 'dockerd', ...Object.entries(flags).flat()];
    return $`nsenter --net=/run/netns/${SPACE} unshare --mount --propagation private ${dockerd}`.nothrow();
  }

  const docker = (args: readonly string[]): Promise<RunResult> => run(['docker', '--host', host, ...args]);

  /** A script as the operator of that engine would run it, beside it in its network. */
  async function script(name: string, args: readonly string[] = []): Promise<string> {
    const { exitCode, stdout, stderr } = await stack.script(name, args, {}, [
      'nsenter',
      `--net=/run/netns/${SPACE}`,
    ]);
    assert.equal(exitCode, 0, `${name} ${args.join(' ')}: ${stdout}${stderr}`);
    return stdout;
  }

  it('takes the stack, whose processes are unprivileged uids outside', async () => {
    await script('npm-network', ['create']);
    await script('up');
    const { stdout } = await docker(['inspect', '--format', '{{.State.Pid}}', stack.name('frontend')]);
    const status = readFileSync(`/proc/${stdout.trim()}/status`, 'utf8');
    // The container's init has the service's uid, 101, counted from the first one that is remapped.
    assert.match(status, new RegExp(`^Uid:\\s+${Number(FIRST_UID) + 101}\\s`, 'm'));
  });

  it('keeps every rule, and prod-verify says what it is', async () => {
    const { results } = JSON.parse(await script('verify', ['--json'])) as { results: Result[] };
    assert.match(
      results.find(({ id }) => id === 'host-namespace-user')?.found ?? '',
      /userns-remap is on: root in a container is an unprivileged uid outside/,
    );
  });

  it('is backed up, proven, updated and rolled back', async () => {
    await script('backup');
    assert.match(await script('backup', ['--verify', 'latest']), /is proven/);
    const image = `${stack.name('backend')}:latest`;
    const label = `org.opencontainers.image.revision=${SPACE}`;
    writeFileSync(join(folder, 'Dockerfile'), `FROM ${image}\nLABEL ${label}\n`);
    await mustRun(
      ['docker', '--host', host, 'build', '--tag', image, '-f', join(folder, 'Dockerfile'), stack.tmp],
      HINT,
    );
    assert.match(await script('update', ['--no-build']), /is deployed, in/);
    assert.match(await script('rollback'), /is deployed again, in/);
    assert.match(await script('rotate-secrets'), /nothing was restarted/);
    assert.match(await script('restore', ['latest', '--yes']), /is restored/);
  });

  it('takes the stack in test mode, with its ports on 127.0.0.1', async () => {
    await script('up', ['--test', '--switch']);
    // The second engine has no name server outside: until nginx knows the new backend, which takes 2 s there, it answers 503.
    await until('the stack answers', 15_000, async () => (await script('health', ['--test'])) !== '');
    await script('verify', ['--test', '--json']);
  });
});
