import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { installTools } from '../../lib/host/test-tools.ts';
import { IMAGES } from '../../lib/images/build-argv.ts';
import { mustRun, type RunResult, run } from '../../lib/process/shell.ts';
import { readPulled } from '../../lib/registry/pulled.ts';
import { changeEnvFile } from '../../lib/stack/env-file.ts';
import { freePort, TestStack } from '../e2e/harness.ts';
import { PASSWORD, RegistryStage, USER } from '../e2e/registry-stage.ts';

const HINT = 'see the output above';

/** A builder without a stack and a host without images meet at a registry with TLS, a password and signatures. */
describe('releases in a registry', { timeout: 900_000 }, () => {
  let builder: TestStack;
  let host: TestStack;
  let registry: RegistryStage;
  let release = '';

  before(async () => {
    await installTools(['skopeo', 'cosign'], 'the tests');
    [builder, host] = await Promise.all([TestStack.create('builder'), TestStack.create('host')]);
    await removeImages(host);
    registry = new RegistryStage(builder);
    await registry.start();
    const password = join(builder.tmp, 'password');
    writeFileSync(password, `${PASSWORD}\n`, { mode: 0o600 });
    const signIn = {
      REGISTRY: `${registry.address}/team`,
      REGISTRY_USER: USER,
      REGISTRY_PASSWORD_FILE: password,
    };
    await Promise.all([builder, host].map((stack) => changeEnvFile(stack.settings.envFile, signIn)));
    await makeKeys('first');
    await makeKeys('second');
    await host.mustScript('npm-network', ['create']);
  });
  after(async () => {
    await registry?.dispose();
    await builder?.dispose();
    await host?.dispose();
  });

  const keyFile = (name: string) => join(builder.tmp, `${name}.key`);
  const publicFile = (name: string) => join(builder.tmp, `${name}.pub`);
  const makeKeys = async (name: string) => {
    const argv = ['cosign', 'generate-key-pair', '--output-key-prefix', name];
    await mustRun(argv, HINT, { cwd: builder.tmp, env: { COSIGN_PASSWORD: 'test' } });
  };
  const push = (args: readonly string[] = [], env: Record<string, string> = {}) =>
    builder.script('push', ['--json', ...args], { COSIGN_PASSWORD: 'test', ...env });
  const pushed = ({ stdout, stderr }: RunResult) => {
    assert.notEqual(stdout, '', stderr);
    return JSON.parse(stdout) as { bytes: number; unchanged: boolean; manifest: { release: string } };
  };
  const removeImages = async (stack: TestStack) => {
    const names = IMAGES.map((image) => `${stack.settings.prefix}-${image}:latest`);
    await run(['docker', 'rmi', ...names]);
  };

  it('a release is pushed whole, and a second time nothing is sent', async () => {
    const first = pushed(await push());
    assert.ok(first.bytes > 10_000_000, `${first.bytes} bytes`);
    release = first.manifest.release;
    const second = pushed(await push());
    assert.deepEqual([second.bytes, second.unchanged], [0, true]);
  });

  it('a push that the registry did not survive goes on where it stopped', async () => {
    await registry.stop();
    const away = await push();
    assert.equal(away.exitCode, 1);
    assert.match(away.stderr, /does not answer/);
    await registry.run();
    assert.equal(pushed(await push()).bytes, 0);
  });

  it('another build of the same name is refused, and takes its place when that is wanted; only its own layers go', async () => {
    const name = `${builder.settings.prefix}-frontend:latest`;
    await mustRun(['docker', 'tag', name, `${name}-before`], HINT);
    const file = `FROM ${name}\nUSER root\nRUN echo changed > /usr/share/nginx/html/changed.txt\nUSER nginx\n`;
    await mustRun(['docker', 'build', '--quiet', '--tag', name, '-'], HINT, { input: file });
    const refused = await push();
    assert.equal(refused.exitCode, 1);
    assert.match(refused.stderr, /from another build .*\n.*REPLACE=1/s);
    const { bytes } = pushed(await push(['--replace']));
    assert.ok(bytes < 10_000, `${bytes} bytes for one line`);
    await mustRun(['docker', 'tag', `${name}-before`, name], HINT);
    await mustRun(['docker', 'rmi', `${name}-before`], HINT);
    pushed(await push(['--replace']));
  });

  it('no sign-in is left behind, and the password is in no file but its own', async () => {
    const config = join(process.env.DOCKER_CONFIG ?? join(process.env.HOME ?? '', '.docker'), 'config.json');
    const { stdout } = await run(['grep', '-l', registry.address, config]);
    assert.equal(stdout, '');
  });

  it('a host that asks for signatures refuses a release without one, by name, and changes nothing', async () => {
    await changeEnvFile(host.settings.envFile, { COSIGN_PUBLIC_KEY: publicFile('first') });
    const { exitCode, stderr } = await host.script('up', ['--from', release]);
    assert.equal(exitCode, 1);
    assert.match(stderr, /kidney-genetics-release@sha256:\w+ is not signed by the key/);
    assert.equal(readPulled(host.settings.prefix).length, 0);
  });

  it('signed, it is deployed by digest: no build, no source, and what runs is what was pushed', async () => {
    pushed(await push([], { COSIGN_KEY: readFileSync(keyFile('first'), 'utf8') }));
    const up = await host.script('up', ['--from', 'latest']);
    assert.equal(up.exitCode, 0, up.stderr);
    const running = (await host.container('backend')).imageId;
    const { stdout } = await run([
      'docker',
      'image',
      'inspect',
      '--format',
      '{{.Id}}',
      `${builder.settings.prefix}-backend:latest`,
    ]);
    assert.equal(running, stdout.trim());
    assert.equal(readPulled(host.settings.prefix).length, IMAGES.length);
  });

  it('a signature of another key is refused until both keys are named', async () => {
    await changeEnvFile(host.settings.envFile, { COSIGN_PUBLIC_KEY: publicFile('second') });
    const refused = await host.script('update', ['--from', 'latest', '--no-backup']);
    assert.equal(refused.exitCode, 1);
    assert.match(refused.stderr, /not signed by/);
    await changeEnvFile(host.settings.envFile, {
      COSIGN_PUBLIC_KEY: `${publicFile('second')},${publicFile('first')}`,
    });
    const update = await host.script('update', ['--from', 'latest', '--no-backup']);
    assert.equal(update.exitCode, 0, update.stderr);
  });

  it('what was built on the host itself is refused where signatures are asked for', async () => {
    const { exitCode, stderr } = await host.script('update', ['--no-build', '--no-backup']);
    assert.equal(exitCode, 1, stderr);
    assert.match(stderr, /FROM=/);
  });

  it('the registry’s releases are listed', async () => {
    const { stdout } = await host.script('images', ['--remote', '--json']);
    const rows = JSON.parse(stdout) as { tag: string; latest: boolean }[];
    assert.deepEqual(
      rows.map(({ tag, latest }) => [tag, latest]),
      [[release, true]],
    );
  });

  it('a wrong password, an unknown CA, a web page and nobody at all: each is a sentence with its command', async () => {
    const page: Server = createServer((_, answer) => answer.end('<html>hello</html>'));
    const port = await freePort();
    await new Promise<void>((resolve) => page.listen(port, '127.0.0.1', resolve));
    page.unref();
    const wrong = join(builder.tmp, 'wrong');
    writeFileSync(wrong, 'wrong\n');
    const cases: [string, Record<string, string>, RegExp][] = [
      ['wrong password', { REGISTRY_PASSWORD_FILE: wrong }, /refuses this user.*docker login/s],
      ['unknown CA', { REGISTRY: `${await registry.unknownAddress()}/team` }, /authority.*certs\.d/s],
      ['a web page', { REGISTRY: `127.0.0.1:${port}/team`, REGISTRY_USER: '' }, /as a registry does/],
      ['nobody', { REGISTRY: '127.0.0.1:1/team', REGISTRY_USER: '' }, /does not answer/],
      ['no such release', { FROM: 'none' }, /no such release.*REMOTE=1/s],
    ];
    const before = readFileSync(host.settings.envFile, 'utf8');
    for (const [name, { FROM = 'latest', ...change }, expected] of cases) {
      await changeEnvFile(host.settings.envFile, change);
      const { exitCode, stderr } = await host.script('update', ['--from', FROM, '--no-backup']);
      writeFileSync(host.settings.envFile, before, { mode: 0o600 });
      assert.notEqual(exitCode, 0, name);
      assert.match(stderr, expected, name);
    }
  });
});
