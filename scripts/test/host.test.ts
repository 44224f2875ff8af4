import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type AptSource, findDebianArchive, formatDeb822, parseAptSources } from '../lib/host/apt-sources.ts';
import {
  aptInstallArgv,
  checkHost,
  explainApt,
  type HostFacts,
  isRefusal,
  parseOsRelease,
  planHost,
} from '../lib/host/host-plan.ts';

const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';
const mirror = (suites: string[], uri = 'http://mirror.example/debian'): AptSource => ({
  uris: [uri],
  suites,
  components: ['main'],
  signedBy: KEYRING,
});

const ready: HostFacts = {
  os: { id: 'debian', like: [], codename: 'bookworm', name: 'Debian GNU/Linux 12 (bookworm)' },
  root: true,
  systemd: false,
  node: '20.19.0',
  make: true,
  tools: {},
  client: '26.1.5',
  compose: '2.26.1',
  buildx: '0.13.1',
  dockerd: { path: '/usr/sbin/dockerd', version: '26.1.5' },
  engine: '26.1.5',
  dockerCe: false,
  dpkgInterrupted: false,
  sources: [
    mirror(['bookworm', 'bookworm-updates']),
    mirror(['bookworm-security'], 'http://mirror.example/debian-security'),
  ],
};

/** The same host without Docker. */
const bare: HostFacts = (() => {
  const { client, compose, buildx, dockerd, engine, ...rest } = ready;
  assert.ok(client && compose && buildx && dockerd && engine);
  return rest;
})();

function stepsOf(facts: HostFacts): string[] {
  const plan = planHost(facts);
  if (isRefusal(plan)) return [`refused: ${plan.cause} → ${plan.hint}`];
  return plan.map((step) => {
    if (step.kind === 'write') return `write ${step.path}`;
    return step.kind === 'run' ? step.argv.join(' ') : `start by ${step.by}`;
  });
}

const install = (packages: string, release = '') =>
  'apt-get install -y -q --no-install-recommends --no-remove -o DPkg::Lock::Timeout=300 ' +
  `-o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold ${release}${packages}`;

describe('host-setup', () => {
  it('does nothing on a host that has all', () => {
    assert.deepEqual(stepsOf(ready), []);
    assert.ok(checkHost(ready).every(({ ok }) => ok));
  });

  it('installs what a registry and its keys ask for, where it is missing; cosign on Debian 12 from trixie', () => {
    const trixie = { ...ready.os, codename: 'trixie' };
    const wants = { tools: { skopeo: false, cosign: false } };
    const sources = [mirror(['trixie'])];
    assert.deepEqual(stepsOf({ ...ready, tools: { skopeo: true, cosign: true } }), []);
    assert.deepEqual(stepsOf({ ...ready, ...wants, os: trixie, sources }), [
      'apt-get update -q',
      install('skopeo cosign'),
    ]);
    for (const dockerCe of [false, true]) {
      assert.deepEqual(stepsOf({ ...ready, ...wants, dockerCe }), [
        'write /etc/apt/preferences.d/kidney-genetics-docker',
        'write /etc/apt/sources.list.d/kidney-genetics-docker.sources',
        'apt-get update -q',
        install('cosign', '-t /^trixie(-security)?$/ '),
        install('skopeo'),
      ]);
    }
    const refused = stepsOf({ ...ready, ...wants, root: false });
    assert.match(refused.join(), /skopeo \(missing\), cosign \(missing\) → sudo make host-setup/);
  });

  it('installs from trixie, narrowly pinned, on Debian 12', () => {
    const pinned = '-t /^trixie(-security)?$/ ';
    assert.deepEqual(stepsOf(bare), [
      'write /etc/apt/preferences.d/kidney-genetics-docker',
      'write /etc/apt/sources.list.d/kidney-genetics-docker.sources',
      'apt-get update -q',
      install('docker.io docker-cli iptables docker-compose docker-buildx', pinned),
      'start by detached',
    ]);
    const [preferences, sources] = planHost(bare) as { content: string }[];
    assert.equal(preferences?.content.match(/Pin-Priority: 100$/gm)?.length, 2);
    assert.match(sources?.content ?? '', /URIs: http:\/\/mirror\.example\/debian\nSuites: trixie\n/);
    assert.match(sources?.content ?? '', /debian-security\nSuites: trixie-security\n/);
  });

  it('takes the distribution’s own packages on Debian 13 and Ubuntu', () => {
    const debian13 = {
      ...bare,
      os: { ...bare.os, codename: 'trixie' },
      sources: [mirror(['trixie', 'trixie-updates'])],
      systemd: true,
    };
    assert.deepEqual(stepsOf(debian13), [
      'apt-get update -q',
      install('docker.io docker-cli iptables docker-compose docker-buildx'),
      'start by systemd',
    ]);
    const ubuntu = {
      ...bare,
      os: { id: 'ubuntu', like: ['debian'], codename: 'noble', name: 'Ubuntu 24.04' },
    };
    assert.deepEqual(stepsOf(ubuntu)[1], install('docker.io iptables docker-compose-v2 docker-buildx'));
  });

  it('only starts an engine that is installed and stopped', () => {
    const { engine, ...stopped } = ready;
    assert.ok(engine);
    assert.deepEqual(stepsOf(stopped), ['start by detached']);
  });

  it('brings a single missing part, and an engine that is too old', () => {
    const { compose, ...without } = ready;
    assert.ok(compose);
    assert.ok(stepsOf(without).includes(install('docker-compose', '-t /^trixie(-security)?$/ ')));
    const old = { ...ready, engine: '20.10.24', dockerd: { path: '/usr/sbin/dockerd', version: '20.10.24' } };
    assert.ok(stepsOf(old).some((step) => step.endsWith('docker.io docker-cli iptables')));
  });

  it('repairs what a cut-off installation left', () => {
    const steps = stepsOf({ ...bare, dpkgInterrupted: true });
    assert.equal(steps[0], 'dpkg --configure -a');
    assert.ok(steps.some((step) => step.includes('--fix-broken')));
  });

  const refusals: [string, HostFacts, RegExp][] = [
    ['an old Node', { ...bare, node: '18.20.0' }, /^refused: Node 18\.20\.0 is older than 20\.19 → /],
    ['a user without root', { ...bare, root: false }, /takes root: .* → sudo make host-setup$/],
    [
      'a user outside the group docker',
      { ...bare, denied: { user: 'ada', inGroup: false } },
      /^refused: ada may not use Docker's socket → sudo usermod -aG docker ada/,
    ],
    [
      'a group that takes a new session',
      { ...bare, denied: { user: 'ada', inGroup: true } },
      /newgrp docker$/,
    ],
    ['an engine elsewhere', { ...bare, elsewhere: 'tcp://10.0.0.9:2375' }, /set to tcp:\/\/10\.0\.0\.9:2375/],
    [
      'a distribution it does not know',
      { ...bare, os: { id: 'arch', like: [], codename: '', name: 'Arch Linux' } },
      /and this is Arch Linux → install Docker Engine 25 or newer/,
    ],
    [
      'an old engine that came from no package',
      { ...ready, engine: '20.10.0', dockerd: { path: '/opt/docker/dockerd', version: '20.10.0' } },
      /came from no package → update it the way it was installed/,
    ],
  ];
  for (const [name, facts, said] of refusals) {
    it(`says what to do on ${name}`, () => assert.match(stepsOf(facts).join('\n'), said));
  }

  it('reads os-release, quoted or not', () => {
    const text = 'PRETTY_NAME="Ubuntu 24.04 LTS"\nID=ubuntu\nID_LIKE=debian\nVERSION_CODENAME=noble\n';
    const expected = { id: 'ubuntu', like: ['debian'], codename: 'noble', name: 'Ubuntu 24.04 LTS' };
    assert.deepEqual(parseOsRelease(text), expected);
  });
});

describe('failures of apt', () => {
  const argv = aptInstallArgv(['docker.io']);
  const cases: [string, string, RegExp][] = [
    ['a full disk', 'E: Write error - write (28: No space left on device)', /df -h \/var$/],
    ['a missing key', 'W: GPG error\nE: The repository is not signed.', /debian-archive-keyring$/],
    ['a conflict', 'E: Packages need to be removed but remove is disabled.', /-s docker\.io$/],
    [
      'no network',
      'E: Failed to fetch http://mirror.example/x  Connection timed out',
      /apt-get update; then/,
    ],
    ['anything else', 'E: Sub-process returned an error code', /fix what it says/],
  ];
  for (const [name, output, hint] of cases) {
    it(`${name}: one sentence and what to do`, () => {
      const refusal = explainApt(argv, 100, output);
      assert.match(refusal.hint, hint);
      assert.match(refusal.cause, /^apt-get install failed: E: /);
    });
  }
});

describe('apt’s sources', () => {
  it('are read in both formats; disabled ones and sources of source code are not', () => {
    const deb822 = `# a comment
Types: deb deb-src
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: ${KEYRING}

Types: deb
URIs: http://off.example/debian
Suites: sid
Components: main
Enabled: no
`;
    const main = {
      uris: ['http://mirror.example/debian'],
      suites: ['bookworm', 'bookworm-updates'],
      components: ['main', 'contrib'],
      signedBy: KEYRING,
    };
    assert.deepEqual(parseAptSources('debian.sources', deb822), [main]);
    const lines = `# deb http://off.example/debian sid main
deb-src http://mirror.example/debian bookworm main
deb [arch=amd64 signed-by=${KEYRING}] http://mirror.example/debian bookworm main contrib # own
`;
    assert.deepEqual(parseAptSources('sources.list', lines), [{ ...main, suites: ['bookworm'] }]);
  });

  it('give Debian’s mirror, not the repository of another vendor', () => {
    const vendor = {
      uris: ['https://vendor.example/linux/debian'],
      suites: ['bookworm'],
      components: ['main'],
      signedBy: '/etc/apt/keyrings/vendor.gpg',
    };
    const archive = findDebianArchive([vendor, ...ready.sources]);
    assert.equal(archive?.uri, 'http://mirror.example/debian');
    assert.equal(archive?.security?.uri, 'http://mirror.example/debian-security');
    assert.equal(findDebianArchive([{ ...vendor, suites: ['vendor'], components: ['stable'] }]), undefined);
  });

  it('are written with a key’s path or the key itself', () => {
    const plain = 'Types: deb\nURIs: u\nSuites: s\nComponents: main\n';
    assert.equal(formatDeb822('u', 's', ''), plain);
    assert.equal(formatDeb822('u', 's', '/k.gpg'), `${plain}Signed-By: /k.gpg\n`);
    assert.equal(formatDeb822('u', 's', '-----BEGIN'), `${plain}Signed-By:\n -----BEGIN\n`);
  });
});
