import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { resolveBases } from '../../lib/images/base-images.ts';
import { TEST_PREFIX } from '../e2e/harness.ts';
import { Host, type HostKind, loadBases, removeHostImages, saveBases } from './host.ts';

/** IPv6 for every network that does not refuse it. */
const IPV6 = {
  ipv6: true,
  'fixed-cidr-v6': 'fd00:77::/64',
  'default-network-opts': { bridge: { 'com.docker.network.enable_ipv6': 'true' } },
};
const CONTAINERD = { features: { 'containerd-snapshotter': true } };
const POOLS = [
  { base: '172.30.0.0/16', size: 24 },
  { base: 'fd00:78::/48', size: 64 },
];

const HOSTS: readonly HostKind[] = [
  { name: 'debian-13', suite: 'trixie', engine: /^26\.1.*overlay2/, daemon: {} },
  {
    name: 'debian-13-containerd-ipv6',
    suite: 'trixie',
    engine: /^26\.1.*containerd/,
    daemon: { ...CONTAINERD, ...IPV6, experimental: true, ip6tables: true, 'default-address-pools': POOLS },
  },
  { name: 'debian-testing-ipv6', suite: 'forky', engine: /^2[89]\..*overlay2/, daemon: IPV6 },
  { name: 'debian-testing-containerd', suite: 'forky', engine: /^2[89]\..*containerd/, daemon: CONTAINERD },
];

/** Run on each host by the Node that it has. */
const WALK = ['scripts/test/hosts/walk.ts', 'scripts/test/e2e/first-start.e2e.ts'];

describe('hosts', { timeout: 4 * 3_600_000 }, () => {
  let folder: string;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), `${TEST_PREFIX}-hosts-`));
    await saveBases(await resolveBases(), join(folder, 'bases.tar'));
  });
  after(async () => {
    await removeHostImages();
    rmSync(folder, { recursive: true, force: true });
  });

  // HOSTS=debian-13 tries one alone.
  for (const kind of HOSTS.filter(({ name }) => !process.env.HOSTS || name === process.env.HOSTS)) {
    describe(kind.name, () => {
      let host: Host;

      before(async () => {
        host = await Host.start(kind, folder);
      });
      after(() => host?.stop());

      it('gets its engine, and builds on bases as the official ones are', async (t) => {
        t.diagnostic(await host.must(['make', 'host-setup']));
        const engine = await host.describeEngine();
        assert.match(engine, kind.engine);
        t.diagnostic(engine);
        await loadBases(host, '/shared/bases.tar');
        await host.must(['make', 'prod-build']);
      });

      for (const file of WALK) {
        it(`passes ${file}`, async (t) => {
          const printed = await host.must([
            'node',
            '--import',
            'tsx',
            '--test',
            '--test-reporter=spec',
            file,
          ]);
          for (const line of printed.split('\n')) t.diagnostic(line);
        });
      }
    });
  }
});
