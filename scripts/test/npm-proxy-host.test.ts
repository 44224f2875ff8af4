import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { commandArgv } from '../lib/process/command.ts';
import { ROOT } from '../lib/process/root.ts';
import { type RunResult, run } from '../lib/process/shell.ts';
import { explainFailure } from '../lib/proxy/npm/failures.ts';
import {
  certificateBody,
  findLeftovers,
  parseDomain,
  withRateLimit,
  zoneLine,
} from '../lib/proxy/npm/host-rules.ts';
import { FakeNpm, type FakeOptions } from './fake-npm.ts';

/** Resolves everywhere. */
const DOMAIN = 'localhost';
const FRONTEND = 'kgfake-frontend';
const ZONES = ['kgfake'];
const DAY_MS = 86_400_000;
const folder = mkdtempSync(join(tmpdir(), 'kgfake-'));
const secretFile = join(folder, 'secret');
writeFileSync(secretFile, `${FakeNpm.secret}\n`);
after(() => rmSync(folder, { recursive: true, force: true }));

/** Runs the command against a fake NPM, on which `prepare` has put something. */
async function drive(
  options: FakeOptions,
  args: readonly string[] = [],
  prepare: (npm: FakeNpm) => void = () => {},
  env: Record<string, string> = {},
): Promise<RunResult & { npm: FakeNpm }> {
  const npm = await new FakeNpm(options).start();
  prepare(npm);
  try {
    return {
      ...(await command(npm, args.some((word) => !word.startsWith('-')) ? args : [...args, DOMAIN], env)),
      npm,
    };
  } finally {
    npm.stop();
  }
}

function command(
  npm: FakeNpm,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<RunResult> {
  const argv = commandArgv('npm-proxy-host', args);
  return run(argv, {
    cwd: ROOT,
    timeoutMs: 60_000,
    env: {
      STACK_PREFIX: 'kgfake',
      NPM_NETWORK: 'kgfake-proxy',
      ENV_FILE: join(folder, 'env'),
      NPM_URL: npm.url,
      NPM_IDENTITY: FakeNpm.identity,
      NPM_SECRET_FILE: secretFile,
      ...env,
    },
  });
}

interface Failure {
  what: string;
  exitCode?: number;
  says: RegExp;
  options?: FakeOptions;
  args?: string[];
  prepare?: (npm: FakeNpm) => void;
  env?: Record<string, string>;
}

/** A host as this kit leaves it. */
const FINISHED = {
  domain_names: [DOMAIN],
  forward_host: FRONTEND,
  ...{ allow_websocket_upgrade: true, block_exploits: true, ssl_forced: true, http2_support: true },
  advanced_config: withRateLimit('', 'kgfake'),
  meta: { nginx_online: true },
};

describe('npm-proxy-host', () => {
  it('makes host, certificate, TLS options and rate limit in the order that loses none, and nothing twice', async () => {
    const npm = await new FakeNpm({ zones: ZONES }).start();
    try {
      const first = await command(npm, [DOMAIN]);
      assert.equal(first.exitCode, 0, first.stderr);
      assert.deepEqual(npm.changes, [
        'POST /api/nginx/proxy-hosts',
        'POST /api/nginx/certificates',
        'PUT /api/nginx/proxy-hosts/1',
        'PUT /api/nginx/proxy-hosts/1',
      ]);
      const { meta, locations, ...host } = npm.hosts[0] ?? {};
      assert.deepEqual(host, {
        id: 1,
        domain_names: [DOMAIN],
        ...{ forward_scheme: 'http', forward_host: FRONTEND, forward_port: 80 },
        ...{ allow_websocket_upgrade: true, block_exploits: true, caching_enabled: false, enabled: true },
        ...{ certificate_id: 2, ssl_forced: true, http2_support: true },
        ...{ hsts_enabled: false, hsts_subdomains: false },
        advanced_config: withRateLimit('', 'kgfake'),
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
    const guarded = await drive({ code: '123456', zones: ZONES }, [], undefined, { NPM_TOTP: '123456' });
    assert.equal(guarded.exitCode, 0, guarded.stderr);
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
      before.addCertificate([DOMAIN], 60 * DAY_MS);
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

  it('carries on from a host that was written down by a request that failed', async () => {
    const npm = await new FakeNpm({ zones: ZONES, brokenDisk: true }).start();
    try {
      const broken = await command(npm, [DOMAIN]);
      assert.equal(broken.exitCode, 1);
      assert.match(broken.stderr, /its nginx refuses a configuration on NPM's disk/);
      assert.equal(npm.hosts.length, 1);
      npm.options.brokenDisk = false;
      const fixed = await command(npm, [DOMAIN]);
      assert.equal(fixed.exitCode, 0, fixed.stderr);
      assert.deepEqual(
        npm.hosts.map(({ certificate_id }) => certificate_id),
        [2],
      );
    } finally {
      npm.stop();
    }
  });

  it('takes the rate limit back when nginx has no zone for it, says which line is missing, and sets it then', async () => {
    const npm = await new FakeNpm().start();
    try {
      const without = await command(npm, [DOMAIN]);
      assert.equal(without.exitCode, 1);
      assert.match(without.stderr, /does not know its zone/);
      assert.match(without.stderr, /echo "limit_req_zone .*zone=kgfake:4m rate=50r\/s;" >> .*http_top\.conf/);
      const [host] = npm.hosts;
      assert.deepEqual([host?.advanced_config, host?.meta.nginx_online, host?.ssl_forced], ['', true, true]);
      npm.options.zones = ZONES;
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
    const npm = await new FakeNpm().start();
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
      says: /leads to phentrhrive-frontend:80 in NPM, not to kgfake-frontend/,
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
      says: /its nginx does not take it: nginx: \[emerg\] host not found in upstream/,
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
    const { npm } = await drive({ zones: ZONES, certbot: 'Some challenges have failed.' });
    assert.equal(npm.hosts.length, 1);
    assert.deepEqual(npm.certificates, []);
  });

  it('orders nothing for a name without an address', async () => {
    const npm = await new FakeNpm({ zones: ZONES }).start();
    try {
      const { exitCode, stderr } = await command(npm, ['nowhere.invalid']);
      assert.equal(exitCode, 1);
      assert.match(stderr, /nowhere\.invalid has no address yet .*nothing was ordered/);
      assert.deepEqual(npm.changes, ['POST /api/nginx/proxy-hosts']);
      const plain = await command(npm, ['--no-certificate', 'nowhere.invalid']);
      assert.equal(plain.exitCode, 0, plain.stderr);
      assert.match(plain.stderr, /served over plain HTTP/);
      assert.equal(npm.hosts[0]?.ssl_forced, false);
    } finally {
      npm.stop();
    }
  });
});

describe('the model of NPM', () => {
  it('replaces its own lines of the advanced configuration and no others', () => {
    const once = withRateLimit('gzip off;\n', 'a_b');
    assert.equal(withRateLimit(once, 'a_b'), once);
    assert.equal(withRateLimit(`${once}\nsend_timeout 9s;`, null), 'gzip off;\n\nsend_timeout 9s;');
    assert.equal(zoneLine('a_b'), 'limit_req_zone $binary_remote_addr zone=a_b:4m rate=50r/s;');
  });

  it('takes a limit of the same zone that was typed by hand for its own, and leaves others', () => {
    const typed =
      'gzip off;\nlimit_req zone=a_b burst=200 nodelay;\nlimit_req_status 429;\nlimit_req zone=other burst=5;';
    const once = withRateLimit(typed, 'a_b');
    assert.equal(once.match(/zone=a_b /g)?.length, 1);
    assert.match(once, /^gzip off;\nlimit_req zone=other burst=5;\n/);
    assert.equal(withRateLimit(once, 'a_b'), once);
  });

  it('tells domains from what is none', () => {
    for (const good of ['Example.COM', 'a-b.example.org.', 'localhost', 'xn--bcher-kva.example']) {
      assert.equal(parseDomain(good), good.toLowerCase().replace(/\.$/, ''));
    }
    for (const bad of [
      '',
      'https://example.org',
      'a b.example',
      '-x.example',
      'a..b',
      '*.example.org',
      'a;b',
    ]) {
      assert.equal(parseDomain(bad), undefined, bad);
    }
  });

  it('orders certificates as each version wants it', () => {
    const meta = (minor: number) =>
      (certificateBody(['a.example'], { major: 2, minor, revision: 0 }, 'me@example.org') as { meta: object })
        .meta;
    assert.deepEqual(meta(15), { dns_challenge: false });
    assert.deepEqual(meta(13), { dns_challenge: false });
    assert.deepEqual(meta(12), {
      dns_challenge: false,
      letsencrypt_agree: true,
      letsencrypt_email: 'me@example.org',
    });
  });

  it('takes no certificate that once was good for a leftover', () => {
    const row = (id: number, born: string, ends: string, domain = 'a.example') => ({
      ...{ id, provider: 'letsencrypt', domain_names: [domain], created_on: born, expires_on: ends },
    });
    const rows = [
      row(1, '2026-01-01 10:00:00', '2026-01-01 10:00:00'),
      row(2, '2025-01-01 10:00:00', '2025-04-01 10:00:00'),
      row(3, '2026-01-01 10:00:00', '2026-01-01 10:00:00', 'b.example'),
    ];
    const found = findLeftovers(rows, 'a.example', Date.parse('2026-06-01'));
    assert.deepEqual(
      found.map(({ id }) => id),
      [1],
    );
  });

  const codes: [Parameters<typeof explainFailure>[0]['step'], number, string, RegExp][] = [
    ['status', 200, '', /not as NPM's API does/],
    ['status', 502, '', /own API is away/],
    ['sign-in', 400, 'Invalid email or password', /does not accept this sign-in: Invalid email/],
    ['read', 404, 'Not Found', /token does not reach it/],
    ['read', 500, 'Internal Error', /token that it has just given/],
    ['write', 400, 'data must NOT have additional properties', /refuses the request: data must NOT/],
    ['write', 500, 'Internal Error', /its nginx refuses a configuration on NPM's disk/],
    ['remove', 404, 'Item Not Found - 3', /no longer has this host/],
    ['certificate', 500, 'Internal Error', /NPM does not say why$/],
    ['certificate', 500, 'too many certificates already issued', /too many orders lately/],
    ['certificate', 500, 'Detail: DNS problem: NXDOMAIN looking up A', /name server gives no address/],
    ['certificate', 400, 'Detail: Invalid response: 404', /answered by something else/],
  ];
  for (const [step, status, message, says] of codes) {
    it(`reads ${status} at ${step} (${message || 'no words'}) truly`, () => {
      const { cause, hint } = explainFailure({
        step,
        status,
        message,
        domain: 'a.example',
        url: 'http://npm:81',
      });
      assert.match(cause, says);
      assert.ok(hint.length > 10);
    });
  }
});
