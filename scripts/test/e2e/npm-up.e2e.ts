import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { findContainer } from '../../lib/docker/containers.ts';
import { mustRun, type RunResult, run } from '../../lib/process/shell.ts';
import { withRateLimit, zoneLine, zoneName } from '../../lib/proxy/npm/advanced-rules.ts';
import { loadSettings } from '../../lib/stack/project.ts';
import { FakeNpm } from '../fake-npm.ts';
import { freePort, TEST_PREFIX, TestStack } from './harness.ts';

/** The name is what tells NPM's container from others. */
const IMAGE = `${TEST_PREFIX}-nginx-proxy-manager:stand-in`;
const FILE = '/data/nginx/custom/http_top.conf';
const HINT = 'see above';

/** Stands in for NPM's image, which no registry gives here: root, the same volumes, the same health command. */
const DOCKERFILE = `
FROM ${loadSettings().prefix}-frontend:latest
USER root
RUN printf '#!/bin/sh\\nexec curl -fsS -o /dev/null http://127.0.0.1/health\\n' > /usr/bin/check-health && chmod 755 /usr/bin/check-health
`;

describe('an Nginx Proxy Manager of the kit', { timeout: 300_000 }, () => {
  let stack: TestStack;
  let env: Record<string, string>;
  let container: string;
  let zone: string;

  before(async () => {
    stack = await TestStack.create('npmup');
    container = `${stack.settings.prefix}-npm`;
    zone = zoneName(stack.settings.prefix);
    const [http, https, admin] = await Promise.all([freePort(), freePort(), freePort()]);
    env = {
      NPM_IMAGE: IMAGE,
      NPM_BIND: '127.0.0.1',
      NPM_HTTP_PORT: String(http),
      NPM_HTTPS_PORT: String(https),
      NPM_ADMIN_PORT: String(admin),
    };
    await mustRun(['docker', 'build', '--tag', IMAGE, '-'], HINT, {
      input: DOCKERFILE,
      env: { DOCKER_BUILDKIT: '1' },
    });
  });
  after(async () => {
    await stack?.dispose();
    await run(['docker', 'volume', 'rm', `${container}-data`, `${container}-letsencrypt`]);
    await run(['docker', 'image', 'rm', IMAGE]);
  });

  const drive = (action: string) => stack.script('npm-stack', [action], env);
  const exec = (...argv: string[]) => mustRun(['docker', 'exec', container, ...argv], HINT);

  it('wants the shared network first, and an image that can be had', async () => {
    const without = await drive('up');
    assert.equal(without.exitCode, 3);
    assert.match(without.stderr, /is missing\n.*make npm-network-create/);
    await stack.mustScript('npm-network', ['create']);
    const unknown = await stack.script('npm-stack', ['up'], {
      ...env,
      NPM_IMAGE: `${TEST_PREFIX}-nobody-has/this:1`,
    });
    assert.equal(unknown.exitCode, 3, unknown.stderr);
    assert.match(unknown.stderr, /is not on this host and cannot be pulled: .*\n.*docker save/);
  });

  it('comes up with its page on 127.0.0.1 alone, knows the zone, and is left alone the second time', async () => {
    const first = await drive('up');
    assert.equal(first.exitCode, 0, first.stderr);
    const info = await findContainer(container);
    const admin = info?.ports.filter((port) => port.endsWith('->81/tcp'));
    assert.deepEqual(admin, [`127.0.0.1:${env.NPM_ADMIN_PORT}->81/tcp`]);
    assert.equal(info?.health, 'healthy');
    assert.equal(await exec('cat', FILE), `${zoneLine(zone)}\n`);
    const second = await drive('up');
    assert.match(second.stdout, /up already and unchanged/);
    assert.equal(await exec('cat', FILE), `${zoneLine(zone)}\n`);
  });

  it('keeps its volumes when it goes, and what an operator wrote', async () => {
    await exec('sh', '-c', `echo "server_names_hash_bucket_size 128;" >> ${FILE}`);
    const down = await drive('down');
    assert.equal(down.exitCode, 0, down.stderr);
    assert.match(down.stdout, /no app behind it is reachable/);
    const up = await drive('up');
    assert.equal(up.exitCode, 0, up.stderr);
    assert.equal(await exec('cat', FILE), `${zoneLine(zone)}\nserver_names_hash_bucket_size 128;\n`);
  });

  it('is not joined by a second one', async () => {
    const other = `${stack.settings.prefix}-other`;
    await mustRun(['docker', 'run', '-d', '--name', other, '--network', stack.settings.network, IMAGE], HINT);
    try {
      assert.equal((await drive('down')).exitCode, 0);
      const refused = await drive('up');
      assert.equal(refused.exitCode, 1);
      assert.match(refused.stderr, new RegExp(`has an Nginx Proxy Manager already: ${other}`));
    } finally {
      await run(['docker', 'rm', '--force', '--volumes', other]);
    }
    assert.equal((await drive('up')).exitCode, 0);
  });

  it('is asked for the zone before a working host is touched, and the command that is named gives it', async () => {
    await exec('sh', '-c', `: > ${FILE}`);
    const npm = await new FakeNpm({ zones: [zone] }).start();
    const apply = (): Promise<RunResult> =>
      stack.script('npm-proxy-host', ['localhost'], {
        NPM_URL: npm.url,
        NPM_IDENTITY: FakeNpm.identity,
        NPM_SECRET: FakeNpm.secret,
      });
    try {
      const without = await apply();
      assert.equal(without.exitCode, 0, without.stderr);
      assert.match(without.stdout, /One step is left/);
      assert.equal(npm.hosts[0]?.advanced_config, '');
      assert.equal(npm.changes.filter((line) => line.startsWith('PUT')).length, 0, 'the limit was not tried');
      const [, command = ''] = /^ {2}(docker exec .*)$/m.exec(without.stdout) ?? [];
      assert.match(command, new RegExp(`^docker exec ${container} sh -c `));
      await mustRun(['sh', '-c', command], HINT);
      assert.equal(await exec('cat', FILE), `${zoneLine(zone)}\n`);
      const withZone = await apply();
      assert.equal(withZone.exitCode, 0, withZone.stderr);
      assert.equal(npm.hosts[0]?.advanced_config, withRateLimit('', zone));
    } finally {
      npm.stop();
    }
  });
});
