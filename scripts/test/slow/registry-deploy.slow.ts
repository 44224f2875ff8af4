import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { installTools } from '../../lib/host/test-tools.ts';
import { IMAGES } from '../../lib/images/build-argv.ts';
import { ROOT } from '../../lib/process/root.ts';
import { mustRun, run } from '../../lib/process/shell.ts';
import { authorizedLine } from '../../lib/registry/deploy-rules.ts';
import { readHistory } from '../../lib/release/history.ts';
import { makeDebianImage } from '../debian-image.ts';
import { TEST_PREFIX, TestStack, until } from '../e2e/harness.ts';
import { RegistryStage } from '../e2e/registry-stage.ts';

const HINT = 'see the output above';
const SSHD = `${TEST_PREFIX}-sshd`;

/** A host that deploys what a builder pushed, by SSH with a key that may do nothing else. */
describe('deploying from a registry over SSH', { timeout: 1_500_000 }, () => {
  let builder: TestStack;
  let host: TestStack;
  let registry: RegistryStage;
  let address = '';
  let folder = '';

  before(async () => {
    await installTools(['skopeo'], 'the tests');
    [builder, host] = await Promise.all([TestStack.create('builder'), TestStack.create('host')]);
    registry = new RegistryStage(builder);
    await registry.start();
    await Promise.all([builder, host].map((stack) => registry.signIn(stack)));
    host.setEnv('BACKUP_DIR', join(host.tmp, 'backups'));
    await host.mustScript('npm-network', ['create']);
    await builder.mustScript('push');
    await run(['docker', 'rmi', ...IMAGES.map((image) => `${host.settings.prefix}-${image}:latest`)]);
    await host.mustScript('up', ['--from', 'latest']);
    await startSshd();
  });
  after(async () => {
    await run(['docker', 'rm', '-f', SSHD]);
    await run(['docker', 'rmi', SSHD]);
    await registry?.dispose();
    await builder?.dispose();
    await host?.dispose();
  });

  /** sshd with what a host has: node, make, the client of Docker, this checkout and the engine's socket. */
  const startSshd = async () => {
    folder = join(host.tmp, 'ssh');
    mkdirSync(folder);
    const packages = [
      'openssh-server',
      'make',
      'git',
      'docker-cli',
      'docker-compose',
      'docker-buildx',
      'libatomic1',
    ];
    await makeDebianImage(SSHD, [...packages, 'libstdc++6', 'util-linux'], folder);
    for (const key of ['host', 'good', 'bad']) {
      await mustRun(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', join(folder, key)], HINT);
    }
    writeFileSync(
      join(folder, 'keys'),
      `${authorizedLine(readFileSync(join(folder, 'good.pub'), 'utf8'), ROOT)}\n`,
    );
    writeFileSync(
      join(folder, 'sshd_config'),
      `HostKey /etc/ssh/test/host\nAuthorizedKeysFile /etc/ssh/test/keys\nStrictModes no\nPasswordAuthentication no
PermitRootLogin prohibit-password\nSetEnv ENV_FILE=${host.settings.envFile}\n`,
    );
    chmodSync(join(folder, 'host'), 0o600);
    const binds = [
      ROOT,
      host.tmp,
      builder.tmp,
      '/var/run/docker.sock',
      `/etc/docker/certs.d/${registry.address}`,
    ];
    await mustRun(
      [
        ...[
          'docker',
          'run',
          '--detach',
          '--name',
          SSHD,
          '--network',
          'host',
          '--tmpfs',
          '/run/sshd:mode=0755',
        ],
        // A registry's folder of certificates has a colon in its name, which --volume does not take.
        ...binds.flatMap((path) => ['--mount', `type=bind,source=${path},target=${path}`]),
        ...['--volume', `${process.execPath}:/usr/bin/node:ro`, '--volume', `${folder}:/etc/ssh/test:ro`],
        ...[SSHD, '/usr/sbin/sshd', '-D', '-e', '-p', '22022', '-o', 'ListenAddress=127.0.0.1'],
        ...['-f', '/etc/ssh/test/sshd_config'],
      ],
      HINT,
    );
    address = 'root@127.0.0.1';
    await until('sshd answers', 20_000, async () => {
      const { exitCode, stderr } = await ssh('good', 'health');
      if (exitCode !== 255) return true;
      throw new Error(`${stderr}${(await run(['docker', 'logs', '--tail', '5', SSHD])).stderr}`);
    });
  };
  const sshArgv = (key: string, ...words: string[]) => [
    ...[
      'ssh',
      '-F',
      'none',
      '-p',
      '22022',
      '-i',
      join(folder, key),
      '-o',
      'BatchMode=yes',
      '-o',
      'IdentitiesOnly=yes',
    ],
    ...[
      '-o',
      'StrictHostKeyChecking=no',
      '-o',
      'UserKnownHostsFile=/dev/null',
      '-o',
      'LogLevel=ERROR',
      address,
      ...words,
    ],
  ];
  const ssh = (key: string, ...words: string[]) => run(sshArgv(key, ...words), { timeoutMs: 300_000 });

  /** Pushes another page, as a builder does that changed a line. */
  const pushAnother = async (text: string) => {
    const name = `${builder.settings.prefix}-frontend:latest`;
    const file = `FROM ${name}\nUSER root\nRUN echo ${text} > /usr/share/nginx/html/changed.txt\nUSER nginx\n`;
    await mustRun(['docker', 'build', '--quiet', '--tag', name, '-'], HINT, { input: file });
    await builder.mustScript('push', ['--replace']);
  };
  const deployed = () => readHistory(host.settings.prefix).at(-1);

  it('the right key asks for health; another key, another command and a smuggled one do nothing', async () => {
    const health = await ssh('good', 'health');
    assert.match(health.stdout, new RegExp(host.name('backend')), health.stderr);
    assert.equal((await ssh('bad', 'health')).exitCode, 255);
    for (const words of [['id'], ['update', 'x;id'], ['health', '&&', 'id'], ['bash', '-c', 'id']]) {
      const { exitCode, stdout, stderr } = await ssh('good', ...words);
      assert.notEqual(exitCode, 0);
      assert.doesNotMatch(stdout, /uid=/);
      assert.match(stderr, /nothing but deploy/);
    }
  });

  it('an update goes to its end when the connection is lost, and a second one meanwhile is told who is at it', async () => {
    await pushAnother('one');
    const before = deployed()?.to.app;
    const [program = '', ...args] = sshArgv('good', 'update');
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'ignore'] });
    let said = '';
    child.stdout.on('data', (chunk) => {
      said += String(chunk);
    });
    await until('the update is under way', 180_000, async () => /Updating/.test(said));
    const second = await ssh('good', 'update');
    assert.notEqual(second.exitCode, 0);
    assert.match(second.stderr, /make prod-update \(pid \d+/);
    child.kill('SIGKILL');
    await until(
      'the update is done',
      180_000,
      async () => deployed()?.outcome === 'done' && deployed()?.to.app !== before,
    );
  });
});
