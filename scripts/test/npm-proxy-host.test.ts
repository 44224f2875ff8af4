import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { withRateLimit } from '../lib/proxy/npm/advanced-rules.ts';
import { FakeNpm, type FakeOptions } from './fake-npm.ts';
import { command, DAY_MS, DOMAIN, drive, FINISHED, FRONTEND, PREFIX, ZONES } from './npm-drive.ts';

interface Failure {
  what: string;
  exitCode?: number;
  says: RegExp;
  options?: FakeOptions;
  args?: string[];
  prepare?: (npm: FakeNpm) => void;
  env?: Record<string, string>;
}

describe('npm-proxy-host', () => {
  it('makes host, certificate, TLS options and rate limit in the order that loses none, and nothing twice', async () => {
    const npm = await new FakeNpm({ zones: ZONES }).start();
    try {
      const first = await command(npm, [DOMAIN]);
      assert.equal(first.exitCode, 0, first.stderr);
      assert.deepEqual(npm.changes, [
        'POST /api/nginx/certificates',
        'POST /api/nginx/proxy-hosts',
        // By itself where it is not seen whether NPM's nginx has the zone.
        'PUT /api/nginx/proxy-hosts/2',
      ]);
      const { meta, locations, modified_on, ...host } = npm.hosts[0] ?? {};
      assert.deepEqual(host, {
        id: 2,
        domain_names: [DOMAIN],
        ...{ forward_scheme: 'http', forward_host: FRONTEND, forward_port: 80 },
        ...{ allow_websocket_upgrade: true, block_exploits: true, caching_enabled: false, enabled: true },
        ...{ certificate_id: 1, ssl_forced: true, http2_support: true, access_list_id: 0 },
        ...{ hsts_enabled: false, hsts_subdomains: false },
        advanced_config: withRateLimit('', PREFIX),
      });
      const asked = npm.changes.length;
      const second = await command(npm, [DOMAIN]);
      assert.equal(second.exitCode, 0, second.stderr);
      assert.match(second.stdout, /set up already; nothing was changed/);
      assert.equal(npm.changes.length, asked);
      assert.doesNotMatch(first.stdout + first.stderr + second.stdout, new RegExp(FakeNpm.secret));
    } finally {
      npm.stop();
    }
  });

  it('speaks to 2.12 and signs in with two factors', async () => {
    const old = await drive({ minor: 12, zones: ZONES });
    assert.equal(old.exitCode, 0, old.stderr);
    const guarded = await drive({ code: '123456', zones: ZONES }, [], undefined, { NPM_TOTP: '123 456' });
    assert.equal(guarded.exitCode, 0, guarded.stderr);
  });

  it('orders in the form that NPM wants whatever version it tells', async () => {
    for (const [minor, tells] of [
      [15, { major: 2, minor: 0 }],
      [12, { major: 2025, minor: 0 }],
    ] as const) {
      const { npm, exitCode, stderr } = await drive({ minor, tells, zones: ZONES });
      assert.equal(exitCode, 0, stderr);
      assert.equal(npm.served[0]?.forceSsl, true);
    }
  });

  it('shows on a dry run what differs, and touches nothing', async () => {
    const dry = await drive({ zones: ZONES }, ['--dry-run'], (npm) => {
      npm.addHost({ ...FINISHED, caching_enabled: true, certificate_id: 0, advanced_config: 'gzip off;' });
    });
    assert.equal(dry.exitCode, 0, dry.stderr);
    assert.match(dry.stdout, /\+ certificate of Let's Encrypt for localhost/);
    assert.match(dry.stdout, /~ caching_enabled: true → false/);
    assert.match(dry.stdout, /~ certificate_id: 0 → the new one/);
    assert.match(dry.stdout, /advanced_config:\n {6}\+ # Rate limit .*\n {6}\+ limit_req zone=kgfake/);
    assert.match(dry.stdout, /nothing was changed/);
    assert.deepEqual(dry.npm.changes, []);
  });

  it('fixes what differs, keeps what an operator wrote, and uses the certificate that is there', async () => {
    const { exitCode, stderr, npm } = await drive({ zones: ZONES }, [], (before) => {
      before.addHost({
        ...FINISHED,
        ...{ domain_names: ['www.localhost', DOMAIN], caching_enabled: true, hsts_enabled: true },
        locations: [{ path: '/api' }],
        advanced_config: 'client_max_body_size 2m;',
      });
      before.addCertificate([DOMAIN, 'www.localhost'], 60 * DAY_MS);
    });
    assert.equal(exitCode, 0, stderr);
    assert.match(stderr, /has custom locations in NPM/);
    const [host] = npm.hosts;
    assert.deepEqual(host?.domain_names, ['www.localhost', DOMAIN]);
    assert.deepEqual([host?.caching_enabled, host?.hsts_enabled, host?.certificate_id], [false, false, 2]);
    assert.match(host?.advanced_config ?? '', /^client_max_body_size 2m;\n\n# .*begin\nlimit_req /);
    assert.equal(npm.certificates.length, 1);
  });

  it('orders anew where the certificate ends soon, and clears the row of an order that failed', async () => {
    const { exitCode, stderr, npm } = await drive({ zones: ZONES }, [], (before) => {
      before.addCertificate([DOMAIN], 3 * DAY_MS);
      before.addCertificate([DOMAIN], -DAY_MS, -DAY_MS);
    });
    assert.equal(exitCode, 0, stderr);
    assert.deepEqual(
      npm.certificates.map(({ id }) => id),
      [1, 4],
    );
    assert.equal(npm.hosts[0]?.certificate_id, 4);
  });

  it('leaves nothing behind where NPM’s nginx refuses something else, and carries on when that is mended', async () => {
    const npm = await new FakeNpm({ zones: ZONES, brokenDisk: true }).start();
    try {
      const broken = await command(npm, [DOMAIN]);
      assert.equal(broken.exitCode, 1);
      assert.match(broken.stderr, /nginx refuses a configuration on NPM's disk.*\[emerg\] unknown directive/);
      assert.deepEqual([npm.hosts, npm.certificates, npm.served], [[], [], []]);
      npm.nginx.broken = false;
      const fixed = await command(npm, [DOMAIN]);
      assert.equal(fixed.exitCode, 0, fixed.stderr);
      assert.deepEqual(
        npm.served.map(({ names, certificate }) => [names, certificate]),
        [[[DOMAIN], npm.certificates[0]?.id]],
      );
    } finally {
      npm.stop();
    }
  });

  it('takes the rate limit back when nginx has no zone for it, says which line is missing, and sets it then', async () => {
    const npm = await new FakeNpm().start();
    try {
      const without = await command(npm, [DOMAIN]);
      assert.equal(without.exitCode, 0, without.stderr);
      assert.match(without.stdout, /One step is left, the rate limit/);
      assert.match(
        without.stdout,
        /echo "limit_req_zone .*zone=kgfake\d+:4m rate=50r\/s;" >> .*http_top\.conf/,
      );
      const [host] = npm.hosts;
      assert.deepEqual([host?.advanced_config, host?.meta.nginx_online, host?.ssl_forced], ['', true, true]);
      assert.equal(npm.served.length, 1);
      npm.nginx.zones = ZONES;
      const withZone = await command(npm, [DOMAIN]);
      assert.equal(withZone.exitCode, 0, withZone.stderr);
      assert.match(npm.hosts[0]?.advanced_config ?? '', /limit_req zone=kgfake/);
      const off = await command(npm, ['--no-rate-limit', DOMAIN]);
      assert.equal(off.exitCode, 0, off.stderr);
      assert.equal(npm.hosts[0]?.advanced_config, '');
    } finally {
      npm.stop();
    }
  });

  it('removes its own host alone, once, and keeps the certificate', async () => {
    const npm = await new FakeNpm({ zones: ZONES }).start();
    try {
      npm.addHost({ ...FINISHED, domain_names: ['other.example.org'] });
      npm.addHost(FINISHED);
      npm.addCertificate([DOMAIN], 60 * DAY_MS);
      const removed = await command(npm, ['--remove', DOMAIN]);
      assert.equal(removed.exitCode, 0, removed.stderr);
      assert.deepEqual(
        npm.hosts.map(({ domain_names }) => domain_names),
        [['other.example.org']],
      );
      assert.equal(npm.certificates.length, 1);
      assert.match((await command(npm, ['--remove', DOMAIN])).stdout, /has no proxy host for localhost/);
    } finally {
      npm.stop();
    }
  });

  const otherApp = (npm: FakeNpm) => void npm.addHost({ ...FINISHED, forward_host: 'phentrhrive-frontend' });
  const failures: Failure[] = [
    { what: 'no domain', exitCode: 2, says: /is no domain name/, args: ['not_a_domain'] },
    {
      what: 'a wrong password',
      says: /does not accept this sign-in.*\n.*NPM_SECRET/,
      env: { NPM_SECRET: 'wrong' },
    },
    {
      what: 'no password and no terminal',
      exitCode: 2,
      says: /NPM password is not given/,
      env: { NPM_SECRET_FILE: '' },
    },
    {
      what: 'a secret file that is not there',
      exitCode: 2,
      says: /cannot be read.*ENOENT/,
      env: { NPM_SECRET_FILE: '/nowhere' },
    },
    {
      what: 'two factors and no code',
      exitCode: 2,
      says: /two-factor code is not given/,
      options: { code: '1' },
    },
    {
      what: 'a wrong code',
      says: /does not accept the two-factor code/,
      options: { code: '1' },
      env: { NPM_TOTP: '2' },
    },
    {
      what: 'nobody there',
      exitCode: 3,
      says: /cannot be asked .* ECONNREFUSED/,
      env: { NPM_URL: 'http://127.0.0.1:9' },
    },
    { what: 'an NPM without a user', says: /no user yet: whoever opens it first/, options: { setup: false } },
    {
      what: 'an NPM that forgets its tokens',
      says: /does not accept the token that it has just given/,
      options: { forgetful: true },
    },
    { what: 'a user who may not write', says: /may not do this in NPM/, options: { readOnly: true } },
    {
      what: 'a domain that another kind of host has',
      says: /taken in NPM by a host of another kind/,
      options: { taken: [DOMAIN] },
    },
    {
      what: 'a domain that leads to another app',
      says: /leads to phentrhrive-frontend:80 in NPM, not to kgfake\d+-frontend/,
      prepare: otherApp,
    },
    {
      what: 'the removal of another app',
      says: /leads to phentrhrive-frontend/,
      args: ['--remove'],
      prepare: otherApp,
    },
    {
      what: 'a certificate that is not given',
      says: /no certificate for localhost: it could not reach port 80.*Timeout during connect.*\n.*open port 80/,
      options: { certbot: 'Detail: Timeout during connect (likely firewall problem)' },
    },
    {
      what: 'a host that nginx refuses',
      says: /nginx does not take the proxy host .*: nginx: \[emerg\] host not found in upstream "x"; the new proxy host is removed again/,
      options: { emerg: '[emerg] host not found in upstream "x"' },
    },
  ];
  for (const { what, exitCode = 1, says, options, args, prepare, env } of failures) {
    it(`says what is wrong: ${what}`, async () => {
      const result = await drive({ zones: ZONES, ...options }, args, prepare, env);
      assert.match(result.stderr, says);
      assert.equal(result.exitCode, exitCode);
      assert.match(result.stderr, /\n {2}→ \S/);
    });
  }

  it('does not order beside an order that may be under way, and does when that cannot be', async () => {
    const minutes = (count: number) => (npm: FakeNpm) =>
      void npm.addCertificate([DOMAIN], -count * 60_000, -count * 60_000);
    const young = await drive({ zones: ZONES }, [], minutes(2));
    assert.equal(young.exitCode, 1);
    assert.match(young.stderr, /may still be waiting for Let's Encrypt/);
    assert.equal(young.npm.certificates.length, 1);
    const old = await drive({ zones: ZONES }, [], minutes(16));
    assert.equal(old.exitCode, 0, old.stderr);
    assert.deepEqual(
      old.npm.certificates.map(({ id }) => id),
      [3],
    );
  });

  it('leaves no row of a failed order behind', async () => {
    const { npm } = await drive({
      zones: ZONES,
      certbot: 'Some challenges have failed.',
      keepsFailedRow: true,
    });
    assert.deepEqual([npm.hosts, npm.certificates, npm.served], [[], [], []]);
  });

  it('orders nothing for a name without an address', async () => {
    const npm = await new FakeNpm({ zones: ZONES }).start();
    try {
      const { exitCode, stderr } = await command(npm, ['nowhere.invalid']);
      assert.equal(exitCode, 1);
      assert.match(stderr, /nowhere\.invalid has no address yet .*nothing was ordered/);
      assert.deepEqual([npm.changes, npm.served], [[], []]);
      const plain = await command(npm, ['--no-certificate', 'nowhere.invalid']);
      assert.equal(plain.exitCode, 0, plain.stderr);
      assert.match(plain.stderr, /served over plain HTTP/);
      assert.equal(npm.hosts[0]?.ssl_forced, false);
    } finally {
      npm.stop();
    }
  });
});
