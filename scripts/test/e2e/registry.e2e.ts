import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { installTools } from '../../lib/host/test-tools.ts';
import { IMAGES } from '../../lib/images/build-argv.ts';
import { run } from '../../lib/process/shell.ts';
import { changeEnvFile } from '../../lib/stack/env-file.ts';
import { TestStack } from './harness.ts';
import { KEY_PASSWORD, RegistryStage } from './registry-stage.ts';

/** What of a registry must never break unseen; all the rest is in slow/registry.slow.ts. */
describe('a release in a registry', { timeout: 240_000 }, () => {
  let builder: TestStack;
  let host: TestStack;
  let registry: RegistryStage;
  let keys: { key: string; publicKey: string }[];

  before(async () => {
    await installTools(['skopeo', 'cosign'], 'the tests');
    [builder, host] = await Promise.all([TestStack.create('builder'), TestStack.create('host')]);
    registry = new RegistryStage(builder);
    await registry.start();
    await Promise.all([builder, host].map((stack) => registry.signIn(stack)));
    keys = [await registry.makeKeys('first'), await registry.makeKeys('second')];
    await trust(0);
    await run(['docker', 'rmi', ...IMAGES.map((image) => `${host.settings.prefix}-${image}:latest`)]);
    await host.mustScript('npm-network', ['create']);
  });
  after(async () => {
    await registry?.dispose();
    await builder?.dispose();
    await host?.dispose();
  });

  const trust = (index: number) =>
    changeEnvFile(host.settings.envFile, { COSIGN_PUBLIC_KEY: keys[index]?.publicKey });
  const push = async (env: Record<string, string> = {}) => {
    const { stdout, stderr } = await builder.script('push', ['--json'], env);
    assert.notEqual(stdout, '', stderr);
    return JSON.parse(stdout) as { bytes: number; unchanged: boolean };
  };
  const refuses = async (...args: string[]) => {
    const [name = '', ...flags] = args;
    const { exitCode, stderr } = await host.script(name, flags);
    assert.equal(exitCode, 1, stderr);
    assert.match(stderr, /release@sha256:\w+ is not signed by the key/);
  };

  it('is pushed; unsigned it is refused where a key is set; signed later, nothing is sent again', async () => {
    const { bytes } = await push();
    assert.ok(bytes > 10_000_000, `${bytes} bytes`);
    await refuses('up', '--from', 'latest');
    const key = readFileSync(keys[0]?.key ?? '', 'utf8');
    const signed = await push({ COSIGN_KEY: key, COSIGN_PASSWORD: KEY_PASSWORD });
    assert.deepEqual([signed.bytes, signed.unchanged], [0, true]);
  });

  it('is deployed by digest on a host without an image, and updated to; signed by another key it is refused', async () => {
    assert.match(await host.mustScript('up', ['--from', 'latest']), /pulled by digest, signed/);
    const update = ['update', '--from', 'latest', '--no-backup'] as const;
    assert.match(await host.mustScript('update', update.slice(1)), /pulled by digest, signed/);
    await host.mustScript('verify', ['--only', 'image-signature,image-current']);
    await trust(1);
    await refuses(...update);
    assert.equal((await host.script('verify', ['--only', 'image-signature'])).exitCode, 1);
  });
});
