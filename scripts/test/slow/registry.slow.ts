import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { createServer as createTcp } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { installTools } from '../../lib/host/test-tools.ts';
import { IMAGES } from '../../lib/images/build-argv.ts';
import { mustRun, type RunResult, run } from '../../lib/process/shell.ts';
import { readLayers } from '../../lib/registry/client.ts';
import { MANIFEST_LABEL, type ReleaseManifest } from '../../lib/registry/release-manifest.ts';
import { type SignedIn, withSignIn } from '../../lib/registry/sign-in.ts';
import { changeEnvFile, readEnvValues } from '../../lib/stack/env-file.ts';
import { freePort, TestStack, until } from '../e2e/harness.ts';
import { HostCheckout } from '../e2e/host-checkout.ts';
import { KEY_PASSWORD, PASSWORD, RegistryStage, USER } from '../e2e/registry-stage.ts';

const HINT = 'see the output above';

/** A builder without a stack, and a host without images, sources or more than the run-time packages, meet at a registry. */
describe('releases in a registry', { timeout: 1_500_000 }, () => {
  let builder: TestStack;
  let stack: TestStack;
  let host: HostCheckout;
  let registry: RegistryStage;
  let manifest: ReleaseManifest;
  const keys: Record<string, { key: string; publicKey: string }> = {};

  before(async () => {
    await installTools(['skopeo', 'cosign'], 'the tests');
    [builder, stack] = await Promise.all([TestStack.create('builder'), TestStack.create('host')]);
    registry = new RegistryStage(builder);
    await registry.start();
    await Promise.all([builder, stack].map((one) => registry.signIn(one)));
    for (const name of ['first', 'second']) keys[name] = await registry.makeKeys(name);
    host = await HostCheckout.make(stack);
    await run(['docker', 'rmi', ...IMAGES.map((image) => `${stack.settings.prefix}-${image}:latest`)]);
    await host.must('npm-network-create');
  });
  after(async () => {
    await registry?.dispose();
    await builder?.dispose();
    await stack?.dispose();
  });

  const inRegistry = async <T>(work: (signedIn: SignedIn) => Promise<T>) => {
    const env = await readEnvValues(builder.settings.envFile);
    return withSignIn(env.REGISTRY ?? '', env, work);
  };
  const repository = (image: string) => `${registry.address}/team/kidney-genetics-${image}`;
  const skopeo = (...args: string[]) =>
    inRegistry(({ authFile }) => mustRun(['skopeo', ...args, '--authfile', authFile], HINT));
  const keyText = (name: string) => readFileSync(keys[name]?.key ?? '', 'utf8');
  const publicKey = (...names: string[]) => names.map((name) => keys[name]?.publicKey).join(',');
  const trust = (...names: string[]) =>
    changeEnvFile(stack.settings.envFile, { COSIGN_PUBLIC_KEY: publicKey(...names) });
  const push = (args: readonly string[] = [], env: Record<string, string> = {}) =>
    builder.script('push', ['--json', ...args], { COSIGN_PASSWORD: KEY_PASSWORD, ...env });
  const pushed = ({ stdout, stderr }: RunResult) => {
    assert.notEqual(stdout, '', stderr);
    return JSON.parse(stdout) as { bytes: number; unchanged: boolean; manifest: ReleaseManifest };
  };
  const refuses = async (expected: RegExp, ...words: string[]) => {
    const { exitCode, stdout, stderr } = await host.run(...words);
    assert.notEqual(exitCode, 0, stdout);
    assert.match(stderr, expected);
  };
  /** Another page, as a builder has it that changed a line. */
  const changePage = async (text: string) => {
    const name = `${builder.settings.prefix}-frontend:latest`;
    const file = `FROM ${name}\nUSER root\nRUN echo ${text} > /usr/share/nginx/html/changed.txt\nUSER nginx\n`;
    await mustRun(['docker', 'build', '--quiet', '--tag', name, '-'], HINT, { input: file });
  };
  /** Pushes a manifest that somebody changed. */
  const pushManifest = async (tag: string, change: object) => {
    const name = `${repository('release')}:${tag}`;
    const label = `${MANIFEST_LABEL}=${JSON.stringify({ ...manifest, release: tag, ...change })}`;
    const file = `FROM scratch\nCOPY Dockerfile /${tag}\n`;
    const folder = join(builder.tmp, 'manifest');
    await mustRun(['mkdir', '-p', folder], HINT);
    writeFileSync(join(folder, 'Dockerfile'), file);
    await mustRun(['docker', 'build', '--quiet', '--label', label, '--tag', name, folder], HINT);
    await inRegistry(({ env }) => mustRun(['docker', 'push', '--quiet', name], HINT, { env }));
    await mustRun(['docker', 'rmi', name], HINT);
  };

  it('a push that the registry does not survive is told of, goes on where it stopped, and then sends nothing', async () => {
    const pushing = push();
    const ask = [
      ...['curl', '-sS', '--cacert', join(registry.folder, 'ca.pem'), '--user', `${USER}:${PASSWORD}`],
      `https://${registry.address}/v2/team/kidney-genetics-postgres/tags/list`,
    ];
    await until(
      'the first image is there',
      120_000,
      async () => (await run(ask)).stdout.includes('"tags":['),
      50,
    );
    await registry.stop();
    const away = await pushing;
    assert.equal(away.exitCode, 1);
    assert.match(away.stderr, /does not answer.*\n.*it goes on from where it stopped/s);
    await registry.run();
    const second = pushed(await push());
    manifest = second.manifest;
    const layers = await inRegistry((signedIn) =>
      Promise.all(
        IMAGES.map((image) => readLayers(`${repository(image)}@${manifest.images[image].digest}`, signedIn)),
      ),
    );
    const there = new Set(layers[IMAGES.indexOf('postgres')]?.map(({ digest }) => digest));
    const others = new Map(layers.flat().map(({ digest, size }) => [digest, there.has(digest) ? 0 : size]));
    const left = [...others.values()].reduce((sum, size) => sum + size, 0);
    assert.ok(second.bytes > 0 && second.bytes <= left, `${second.bytes} of ${left}`);
    const third = pushed(await push());
    assert.deepEqual([third.bytes, third.unchanged], [0, true]);
  });

  it('another build of the same name is refused, and takes its place when that is wanted; only its own layers go', async () => {
    const name = `${builder.settings.prefix}-frontend:latest`;
    await mustRun(['docker', 'tag', name, `${name}-before`], HINT);
    await changePage('changed');
    const refused = await push();
    assert.equal(refused.exitCode, 1);
    assert.match(refused.stderr, /from another build .*\n.*REPLACE=1/s);
    const { bytes } = pushed(await push(['--replace']));
    assert.ok(bytes < 10_000, `${bytes} bytes for one line`);
    await mustRun(['docker', 'tag', `${name}-before`, name], HINT);
    await mustRun(['docker', 'rmi', `${name}-before`], HINT);
    pushed(await push(['--replace']));
  });

  it('no sign-in is left behind', async () => {
    const config = join(process.env.DOCKER_CONFIG ?? join(process.env.HOME ?? '', '.docker'), 'config.json');
    const { stdout } = await run(['grep', '-l', registry.address, config]);
    assert.equal(stdout, '');
  });

  it('a host that asks for signatures refuses a release without one, by name, and changes nothing', async () => {
    await trust('first');
    await refuses(
      /kidney-genetics-release@sha256:\w+ is not signed by the key/,
      'prod-up',
      `FROM=${manifest.release}`,
    );
    assert.equal(host.readState('pulled.json'), '');
    assert.equal(
      (await run(['docker', 'ps', '-aq', '--filter', `name=${stack.settings.prefix}-`])).stdout,
      '',
    );
  });

  it('a key whose password is another one is told before anything is pushed', async () => {
    const { exitCode, stderr } = await push([], { COSIGN_KEY: keyText('first'), COSIGN_PASSWORD: 'wrong' });
    assert.equal(exitCode, 1);
    assert.match(stderr, /password is another one.*\n.*COSIGN_PASSWORD_FILE/s);
  });

  it('signed, it is deployed by digest: no build, no source, no more packages; what runs is what was pushed', async () => {
    pushed(await push([], { COSIGN_KEY: keyText('first') }));
    // Whoever may write to the registry moves the images' own names: nobody reads them.
    const moved = `docker://${repository('backend')}:${manifest.release}`;
    await skopeo('copy', '--quiet', `docker://${repository('frontend')}:${manifest.release}`, moved);
    assert.match(await host.must('prod-up', 'FROM=latest'), /pulled by digest, signed/);
    const running = (await stack.container('backend')).imageId;
    const format = ['docker', 'image', 'inspect', '--format', '{{.Id}}'];
    const built = await mustRun([...format, `${builder.settings.prefix}-backend:latest`], HINT);
    assert.equal(running, built.trim());
    for (const path of ['backend', 'frontend', 'node_modules/@biomejs'])
      assert.ok(!existsSync(join(host.folder, path)), path);
    assert.match(await host.must('prod-verify', 'ONLY=image-signature', 'VERBOSE=1'), /frontend signed/);
  });

  it('a signature of another key is refused, and prod-verify tells it, until both keys are named', async () => {
    await trust('second');
    await refuses(/not signed by the key/, 'prod-update', 'FROM=latest', 'NO_BACKUP=1');
    await refuses(/was not signed by that key when it was pulled/, 'prod-up');
    const { exitCode, stdout } = await host.run('prod-verify', 'ONLY=image-signature');
    assert.equal(exitCode, 2, stdout);
    assert.match(stdout, /image-signature.*\n.*backend not signed/);
    await trust('second', 'first');
    await host.must('prod-update', 'FROM=latest', 'NO_BACKUP=1');
    assert.equal(pushed(await push([], { COSIGN_KEY: keyText('second') })).bytes, 0);
    await host.must('prod-update', 'FROM=latest', 'NO_BACKUP=1');
    for (const name of ['second', 'first']) {
      await trust(name);
      await host.must('prod-up');
    }
  });

  it('a manifest that somebody changed, put under another name, or took from another app or machine is refused', async () => {
    const from = (tag: string) => ['prod-update', `FROM=${tag}`, 'NO_BACKUP=1'];
    await pushManifest('9.9.9-changed', { createdBy: 'somebody else' });
    await refuses(/release@sha256:\w+ is not signed by the key/, ...from('9.9.9-changed'));
    const other = `docker://${repository('release')}:9.9.9-moved`;
    await skopeo('copy', '--quiet', `docker://${repository('release')}:${manifest.release}`, other);
    await refuses(/name 9\.9\.9-moved leads to another release/, ...from('9.9.9-moved'));
    await pushManifest('9.9.9-app', { app: 'acme-notes' });
    await refuses(/a release of the app acme-notes/, ...from('9.9.9-app'));
    await pushManifest('9.9.9-arch', { platform: 'linux/s390x' });
    await refuses(/was built for linux\/s390x.*\n.*prod-push/s, ...from('9.9.9-arch'));
  });

  it('what was built, loaded or changed on the host itself is refused where signatures are asked for', async () => {
    await refuses(/FROM=/, 'prod-update', 'NO_BUILD=1', 'NO_BACKUP=1');
    await refuses(/no sources of the application/, 'prod-build');
    const { image, imageId } = await stack.container('frontend');
    const file = `FROM ${image}\nUSER root\nRUN echo hello > /usr/share/nginx/html/hello.txt\nUSER nginx\n`;
    await mustRun(['docker', 'build', '--quiet', '--tag', image, '-'], HINT, { input: file });
    await refuses(/frontend:\S+ is not the image that was pulled/, 'prod-up');
    await mustRun(['docker', 'tag', imageId, image], HINT);
    await host.must('prod-up');
  });

  it('goes on to the next release, back, and on to one that was pruned: it is pulled again', async () => {
    const first = (await stack.container('frontend')).image;
    await changePage('next');
    pushed(await push(['--replace'], { COSIGN_KEY: keyText('first') }));
    await host.must('prod-update', 'FROM=latest', 'NO_BACKUP=1');
    const next = (await stack.container('frontend')).image;
    assert.notEqual(next, first);
    assert.match(await host.must('prod-rollback'), /is deployed again/);
    assert.equal((await stack.container('frontend')).image, first);
    await until('the other one is gone', 120_000, async () => {
      const names = [next, `${stack.settings.prefix}-frontend:latest`];
      return (await run(['docker', 'rmi', ...names])).exitCode === 0;
    });
    assert.equal((await run(['docker', 'image', 'ls', '-q', `${registry.address}/*/*`])).stdout, '');
    const said = await host.must('prod-rollback');
    assert.match(said, /frontend:\S+ is pulled again/);
    assert.equal((await stack.container('frontend')).image, next);
    assert.match(await host.must('prod-verify', 'ONLY=images', 'VERBOSE=1'), /frontend signed/);
  });

  it('the registry’s releases are listed, and what is none of ours does not hide them', async () => {
    const rows = JSON.parse(await host.must('-s', 'prod-images', 'REMOTE=1', 'JSON=1')) as {
      tag: string;
      latest: boolean;
      manifest?: object;
    }[];
    const ours = rows.filter(({ tag }) => tag === manifest.release);
    assert.deepEqual(
      ours.map(({ latest }) => latest),
      [true],
    );
    assert.equal(rows.find(({ tag }) => tag === '9.9.9-app')?.manifest, undefined);
  });

  it('a disk that is full is told to who pushes', async () => {
    const small = new RegistryStage(builder, '5m');
    await small.start();
    const [before] = [readFileSync(builder.settings.envFile, 'utf8')];
    try {
      await small.signIn(builder);
      const { exitCode, stderr } = await push();
      assert.equal(exitCode, 1);
      assert.match(stderr, /has no space left.*\n.*make room|fault of its own.*\n.*full disk/s);
    } finally {
      writeFileSync(builder.settings.envFile, before, { mode: 0o600 });
      await small.dispose();
    }
  });

  it('what else a registry can do wrong: each is a sentence with its command', async () => {
    const wrong = join(builder.tmp, 'wrong');
    writeFileSync(wrong, 'wrong\n');
    const errors = (message: string) => JSON.stringify({ errors: [{ code: 'UNAUTHORIZED', message }] });
    const servers: Server[] = [];
    const serve = async (status: number, type: string, body: string) => {
      const server = createServer((_, answer) =>
        answer.writeHead(status, { 'content-type': type }).end(body),
      );
      servers.push(server);
      const port = await freePort();
      await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
      return { REGISTRY: `127.0.0.1:${port}/team`, REGISTRY_USER: '' };
    };
    const silent = createTcp();
    const silentPort = await freePort();
    await new Promise<void>((resolve) => silent.listen(silentPort, '127.0.0.1', resolve));
    const json = 'application/json';
    const cases: [string, Record<string, string>, RegExp][] = [
      ['wrong password', { REGISTRY_PASSWORD_FILE: wrong }, /refuses this user.*docker login/s],
      ['unknown CA', { REGISTRY: `${registry.unknownAddress}/team` }, /authority.*certs\.d/s],
      ['another name', { REGISTRY: `${await registry.readAddress()}/team` }, /for another name.*REGISTRY/s],
      ['a web page', await serve(200, 'text/html', '<html>hello</html>'), /as a registry does/],
      ['a page without a type', await serve(404, '', '<html>none</html>'), /as a registry does/],
      ['an expired sign-in', await serve(401, json, errors('token has expired')), /expired.*docker login/s],
      ['a fault of its own', await serve(500, json, errors('broken')), /fault of its own/],
      [
        'silence',
        { REGISTRY: `127.0.0.1:${silentPort}/team`, REGISTRY_USER: '' },
        /in time.*run this again/s,
      ],
      ['nobody', { REGISTRY: '127.0.0.1:1/team', REGISTRY_USER: '' }, /does not answer/],
      ['no such release', { FROM: 'none' }, /no such release.*REMOTE=1/s],
    ];
    const before = readFileSync(stack.settings.envFile, 'utf8');
    try {
      for (const [name, { FROM = 'latest', ...change }, expected] of cases) {
        await changeEnvFile(stack.settings.envFile, change);
        const { exitCode, stderr } = await host.run('prod-update', `FROM=${FROM}`, 'NO_BACKUP=1');
        writeFileSync(stack.settings.envFile, before, { mode: 0o600 });
        assert.notEqual(exitCode, 0, name);
        assert.match(stderr, expected, `${name}: ${stderr}`);
      }
    } finally {
      for (const server of servers) server.close();
      silent.close();
      rmSync(wrong);
    }
  });
});
