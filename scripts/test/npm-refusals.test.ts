import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { DescribedError } from '../lib/process/errors.ts';
import { withRateLimit } from '../lib/proxy/npm/advanced-rules.ts';
import { applyHost, removeHost } from '../lib/proxy/npm/apply.ts';
import { NpmClient } from '../lib/proxy/npm/client.ts';
import { FakeNpm, type FakeOptions } from './fake-npm.ts';
import { command, DAY_MS, DOMAIN, drive, FINISHED, FRONTEND, PREFIX, withNpm, ZONES } from './npm-drive.ts';

const IMPATIENCE = { request: 2000, certificate: 3000 };

/** A host that works but is not as it shall be, with a certificate and an access list. */
function addLive(npm: FakeNpm, fields: object = {}): void {
  const { id } = npm.addCertificate([DOMAIN], 60 * DAY_MS);
  const old = { allow_websocket_upgrade: false, caching_enabled: true, advanced_config: 'gzip off;' };
  npm.addHost({ ...FINISHED, ...old, certificate_id: id, access_list_id: 7, ...fields });
}

/** Signed in. */
async function signedIn(npm: FakeNpm, patience?: typeof IMPATIENCE): Promise<NpmClient> {
  const client = new NpmClient(npm.url, DOMAIN, patience);
  await client.signIn(FakeNpm.identity, FakeNpm.secret, async () => '');
  return client;
}

const ORDER = {
  ...{ domain: DOMAIN, forwardHost: FINISHED.forward_host, zone: PREFIX, hasZone: true },
  ...{ order: true, takeOver: false, container: '', dryRun: false },
};
const VERSION = { major: 2, minor: 15, revision: 1 };

describe('npm-proxy-host, refused', () => {
  const breaks: [what: string, options: FakeOptions, says: RegExp, prepare?: (npm: FakeNpm) => void][] = [
    [
      'a broken configuration of another host',
      {},
      /nginx refuses a configuration on NPM's disk.*; the old settings are back, and the site is up as before/,
      (npm) => {
        npm.nginx.broken = true;
      },
    ],
    [
      'nginx that does not take what is new',
      {},
      /does not take the proxy host.*no room; the old settings are back, and the site is up as before/,
      (npm) => {
        npm.nginx.refuse = ({ webSocket }) => (webSocket ? '[emerg] no room' : undefined);
      },
    ],
    ['an answer that is lost, and a change that was made', { loses: /^PUT/ }, /^$/],
    [
      'a user who may not write',
      { readOnly: true },
      /may not do this in NPM; nothing was changed, and the site is up/,
    ],
    [
      'an order that fails',
      { certbot: 'Some challenges have failed.' },
      /NPM does not say why \(Some challenges/,
      expire,
    ],
    [
      'an order that fails and leaves its row',
      { certbot: 'Detail: DNS problem: SERVFAIL', keepsFailedRow: true },
      /name server gives no address/,
      expire,
    ],
  ];
  function expire(npm: FakeNpm): void {
    for (const one of npm.certificates) one.expires_on = one.created_on.replace(/ .*/, ' 00:00:00');
    const [own] = npm.certificates;
    if (own) own.created_on = '2025-01-01 00:00:00';
  }

  for (const [what, options, says, prepare] of breaks) {
    it(`leaves what is served as it was: ${what}`, () =>
      withNpm({ zones: ZONES, ...options }, async (npm) => {
        addLive(npm);
        const [before, rows] = [npm.served, structuredClone(npm.certificates.map(({ id }) => id))];
        prepare?.(npm);
        const { stderr, exitCode } = await command(npm, [DOMAIN]);
        if (says.source === '^$') {
          assert.equal(exitCode, 0, stderr);
          return assert.equal(npm.served[0]?.webSocket, true);
        }
        assert.match(stderr, says);
        assert.equal(exitCode, 1);
        assert.deepEqual(
          npm.certificates.map(({ id }) => id),
          rows,
        );
        assert.deepEqual(npm.served, before);
        npm.nginx.broken = false;
        assert.deepEqual(npm.servedNext, before);
      }));
  }

  it('takes nothing for done that nginx does not serve: after a refusal, a kill, a change on NPM’s page', () =>
    withNpm({ zones: ZONES, brokenDisk: false }, async (npm) => {
      addLive(npm);
      npm.nginx.broken = true;
      assert.equal((await command(npm, [DOMAIN])).exitCode, 1);
      npm.nginx.broken = false;
      const mended = await command(npm, [DOMAIN]);
      assert.equal(mended.exitCode, 0, mended.stderr);
      assert.deepEqual(
        npm.served.map(({ webSocket, cacheAssets, accessList }) => [webSocket, cacheAssets, accessList]),
        [[true, false, 7]],
      );
      // As a command leaves it that was killed after NPM wrote the row.
      for (const host of npm.hosts) Object.assign(host, { meta: {} });
      npm.nginx.running = new Map();
      const again = await command(npm, [DOMAIN]);
      assert.match(again.stdout, /may not have all of this yet/);
      assert.equal(npm.served.length, 1);
    }));

  it('says that NPM does not answer in time, and what the site does', () =>
    withNpm({ zones: ZONES, hangs: /^PUT/ }, async (npm) => {
      addLive(npm);
      const client = await signedIn(npm, IMPATIENCE);
      await assert.rejects(
        applyHost({ npm: client, version: VERSION, identity: '' }, ORDER),
        /does not answer in time; nothing was changed, and the site is up as before/,
      );
    }));

  it('removes nothing while the site would go on being served', () =>
    withNpm({ zones: ZONES }, async (npm) => {
      addLive(npm);
      npm.nginx.broken = true;
      const refused = await command(npm, ['--remove', DOMAIN]);
      assert.equal(refused.exitCode, 1);
      assert.match(refused.stderr, /the site is up as before/);
      assert.equal(npm.hosts.length, 1);
      npm.nginx.broken = false;
      const client = await signedIn(npm);
      assert.equal(await removeHost(client, ORDER), true);
      assert.deepEqual([npm.served, npm.hosts], [[], []]);
    }));

  it('keeps an operator’s own limit_req_status, and a site that nginx refuses is up again', () =>
    withNpm({ zones: ZONES }, async (npm) => {
      addLive(npm, { advanced_config: 'limit_req_status 503;' });
      const good = await command(npm, [DOMAIN]);
      assert.equal(good.exitCode, 0, good.stderr);
      assert.doesNotMatch(npm.served[0]?.advanced ?? '', /429/);
      assert.match(npm.served[0]?.advanced ?? '', /^limit_req_status 503;\n[\s\S]*limit_req zone=kgfake/);
    }));

  it('says one step is left where the zone is missing, and the live site stays up', () =>
    withNpm({}, async (npm) => {
      addLive(npm);
      const { exitCode, stdout, stderr } = await command(npm, [DOMAIN]);
      assert.equal(exitCode, 0, stderr);
      assert.match(stdout, /One step is left/);
      assert.deepEqual([npm.served[0]?.webSocket, npm.served[0]?.advanced], [true, 'gzip off;']);
    }));

  it('needs one change where the zone is known', () =>
    withNpm({ zones: ZONES }, async (npm) => {
      addLive(npm);
      await applyHost({ npm: await signedIn(npm), version: VERSION, identity: '' }, ORDER);
      assert.equal(npm.changes.length, 1);
      assert.match(npm.served[0]?.advanced ?? '', /^gzip off;\n\n#[\s\S]*limit_req zone=kgfake/);
    }));
});

describe('certificates of NPM', () => {
  it('keeps an uploaded one, whatever NPM calls it, until it ends', async () => {
    for (const [days, certificates] of [
      [1, 1],
      [-1, 2],
    ] as const) {
      const { npm, stdout, stderr, exitCode } = await drive({ zones: ZONES }, [], (before) => {
        const { id } = before.addUpload('O = Uni, CN = portal', days * DAY_MS);
        before.addHost({ ...FINISHED, certificate_id: id, ssl_forced: false });
      });
      assert.equal(exitCode, 0, stderr + stdout);
      assert.equal(npm.certificates.length, certificates);
      assert.equal(npm.served[0]?.forceSsl, true);
    }
  });

  it('leaves Force SSL and a certificate alone with --no-certificate', async () => {
    const { npm, stderr } = await drive({ zones: ZONES }, ['--no-certificate'], (before) => {
      const { id } = before.addUpload('O = Uni, CN = portal', 60 * DAY_MS);
      before.addHost({ ...FINISHED, certificate_id: id, caching_enabled: true });
    });
    assert.doesNotMatch(stderr, /plain HTTP/);
    assert.deepEqual(
      npm.served.map(({ forceSsl, cacheAssets }) => [forceSsl, cacheAssets]),
      [[true, false]],
    );
  });

  it('takes one for all names of the host, orders one otherwise, and warns where it may not', async () => {
    const prepare = (npm: FakeNpm) => {
      const { id } = npm.addCertificate([DOMAIN], 60 * DAY_MS);
      npm.addHost({ ...FINISHED, domain_names: [DOMAIN, 'localhost.localdomain'], certificate_id: id });
    };
    const dry = await drive({ zones: ZONES }, ['--dry-run'], prepare);
    assert.match(dry.stdout, /\+ certificate of Let's Encrypt for localhost, localhost\.localdomain/);
    const kept = await drive({ zones: ZONES }, ['--no-certificate'], prepare);
    assert.match(kept.stderr, /Certificate 1 is not for localhost\.localdomain: browsers refuse that name/);
    assert.equal(kept.npm.certificates.length, 1);
  });

  for (const zoneHours of [2, -5, 0]) {
    for (const withHost of [true, false]) {
      it(`judges orders by NPM's clock at UTC${zoneHours || ''}, ${withHost ? 'with' : 'without'} a host`, async () => {
        const prepare = (seconds: number) => (npm: FakeNpm) => {
          npm.addCertificate([DOMAIN], -seconds * 1000, -seconds * 1000);
          if (withHost) npm.addHost({ ...FINISHED, ssl_forced: false, http2_support: false });
        };
        const young = await drive({ zones: ZONES, zoneHours }, [], prepare(40));
        assert.match(young.stderr, /may still be waiting for Let's Encrypt/);
        assert.equal(young.npm.certificates.length, 1);
        assert.equal(young.npm.served.length, withHost ? 1 : 0);
        const old = await drive({ zones: ZONES, zoneHours }, [], prepare(3 * 3600));
        assert.equal(old.exitCode, 0, old.stderr);
        assert.equal(old.npm.certificates.length, 1);
      });
    }
  }
});

describe('what is known before anything is done', () => {
  it('promises nothing that a host of another kind prevents', async () => {
    const dry = await drive({ zones: ZONES, taken: [DOMAIN] }, ['--dry-run']);
    assert.equal(dry.exitCode, 1);
    assert.match(dry.stderr, /taken in NPM by a host of another kind/);
  });

  it('takes a name with letters of its own, and no address', async () => {
    const address = await drive({}, ['10.0.0.1']);
    assert.equal(address.exitCode, 2);
    assert.match(address.stderr, /10\.0\.0\.1 is an address: a certificate takes a domain name/);
    const idn = await drive({ zones: ZONES }, ['--dry-run', 'münchen.example']);
    assert.match(idn.stdout, /proxy host xn--mnchen-3ya\.example/);
  });

  it('finds NPM’s page where NPM_ADMIN_PORT says, and names the tunnel to it', () =>
    withNpm({ setup: false }, async (npm) => {
      const { port } = new URL(npm.url);
      const { stderr } = await command(npm, [DOMAIN], { NPM_URL: '', NPM_ADMIN_PORT: port });
      assert.match(stderr, new RegExp(`ssh -L 8181:127\\.0\\.0\\.1:${port} YOUR_VPS`));
    }));
});

describe('NPM’s answers are input', () => {
  const anything = fc.oneof(
    fc.jsonValue(),
    fc.array(fc.record({ id: fc.nat(), domain_names: fc.jsonValue() })),
  );
  const half = fc.record({
    ...{ id: fc.integer({ min: 1, max: 3 }), domain_names: fc.constantFrom([DOMAIN], ['x'], [], null) },
    ...{ forward_host: fc.constantFrom(FRONTEND, 7, null), certificate_id: fc.jsonValue() },
    ...{ advanced_config: fc.oneof(fc.string(), fc.jsonValue()), meta: fc.jsonValue() },
    ...{ created_on: fc.string(), expires_on: fc.string(), modified_on: fc.jsonValue() },
  });

  it('whatever they are, the end is a result or one sentence', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(anything, half, fc.array(half)), { minLength: 1 }),
        async (answers) =>
          withNpm({ zones: ZONES }, async (npm) => {
            const client = await signedIn(npm);
            let count = 0;
            npm.options.says = () => answers[count++ % answers.length];
            const run = applyHost(
              { npm: client, version: VERSION, identity: '' },
              { ...ORDER, order: false },
            );
            await run.catch((error: Error) => {
              assert.ok(error instanceof DescribedError, error.stack);
              assert.match(error.message, /^[^\p{Cc}]+$/u);
              assert.ok(error.hint);
            });
          }),
      ),
      { numRuns: 60, endOnFailure: true },
    );
  });

  it('moves no cursor', async () => {
    const { stdout, stderr } = await drive(
      { zones: ZONES, emerg: '[emerg] \u001b[2Jgone\u0007' },
      [],
      (npm) => {
        npm.addHost({
          ...FINISHED,
          forward_scheme: 'https\u001b[31m',
          advanced_config: 'gzip off; \u001b]0;x\u0007',
        });
        npm.addCertificate([DOMAIN], 60 * DAY_MS);
      },
    );
    assert.doesNotMatch(stdout + stderr, /[^\P{Cc}\n]/u);
  });

  const strangers: [what: string, status: number, type: string, body: string, says: RegExp][] = [
    ['a page', 200, 'text/html', '<!doctype html><title>Router</title>', /not as NPM's API does \(200\)/],
    ['nothing', 204, 'application/json', '', /not as NPM's API does \(204\)/],
    ['a redirect', 302, 'text/html', '', /not as NPM's API does \(302\)/],
    ['JSON of something else', 200, 'application/json', '{"version":"7"}', /not as NPM's API does/],
    [
      'a port for TLS',
      400,
      'text/html',
      '<center>The plain HTTP request was sent to HTTPS port</center>',
      /wants TLS, as NPMplus does/,
    ],
    ['an error that is an object', 500, 'application/json', '{"error":{"message":{"a":1}}}', /\(500\)/],
    ['more than there is room for', 200, 'application/json', ' '.repeat(17 * 1024 ** 2), /larger than any/],
  ];
  for (const [what, status, type, body, says] of strangers) {
    it(`are told from ${what}`, async () => {
      const server = createServer((_, answer) =>
        answer.writeHead(status, { 'content-type': type }).end(body),
      );
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const { port } = server.address() as AddressInfo;
      const client = new NpmClient(`http://127.0.0.1:${port}`, DOMAIN, IMPATIENCE);
      await assert.rejects(client.status(), (error: Error) => {
        assert.ok(error instanceof DescribedError);
        assert.match(error.message, says);
        return true;
      });
      server.closeAllConnections();
      server.close();
    });
  }

  it('waits no longer than it says', () =>
    withNpm({ hangs: /^GET \/api\/nginx\/proxy-hosts$/ }, async (npm) => {
      const client = await signedIn(npm, IMPATIENCE);
      await assert.rejects(client.hosts(), /cannot be asked at .*: it does not answer in time/);
    }));

  it('asks again where a connection breaks, and finds what was done', () =>
    withNpm({ zones: ZONES, loses: /^(GET|POST) \/api\/nginx\/proxy-hosts/ }, async (npm) => {
      const { exitCode, stderr } = await command(npm, ['--no-certificate', DOMAIN]);
      assert.equal(exitCode, 0, stderr);
      assert.equal(npm.served.length, 1);
      assert.equal(npm.served[0]?.advanced, withRateLimit('', PREFIX));
    }));
});
