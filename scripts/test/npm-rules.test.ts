import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { listStatements, withRateLimit, zoneLine } from '../lib/proxy/npm/advanced-rules.ts';
import { readVersion } from '../lib/proxy/npm/answer-rules.ts';
import { certificateBodies, findLeftovers } from '../lib/proxy/npm/certificate-rules.ts';
import { parseDomain } from '../lib/proxy/npm/domain.ts';
import { explainCertificate, explainFailure, findDetails } from '../lib/proxy/npm/failures.ts';
import { findServerNames, isStale, newHost } from '../lib/proxy/npm/host-rules.ts';

describe('the model of NPM', () => {
  it('replaces its own lines of the advanced configuration and no others', () => {
    const once = withRateLimit('gzip off;\n', 'a_b');
    assert.equal(withRateLimit(once, 'a_b'), once);
    assert.equal(withRateLimit(`${once}\nsend_timeout 9s;`, null), 'gzip off;\n\nsend_timeout 9s;');
    assert.equal(zoneLine('a_b'), 'limit_req_zone $binary_remote_addr zone=a_b:4m rate=50r/s;');
  });

  it('takes a limit of the same zone that was typed by hand for its own, and leaves others', () => {
    const typed = 'gzip off;\nlimit_req zone=a_b burst=200 nodelay;\nlimit_req zone=other burst=5;';
    const once = withRateLimit(typed, 'a_b');
    assert.equal(once.match(/zone=a_b /g)?.length, 1);
    assert.match(once, /^gzip off;\nlimit_req zone=other burst=5;\n/);
    assert.equal(withRateLimit(once, 'a_b'), once);
  });

  it('tells domains from what is none', () => {
    assert.equal(parseDomain('München.example'), 'xn--mnchen-3ya.example');
    for (const good of [
      'Example.COM',
      'a-b.example.org.',
      'localhost',
      'xn--bcher-kva.example',
      '1.example',
    ]) {
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
      '10.0.0.1',
      '10.0.1',
      '2130706433',
      '0x7f.1',
      '::1',
      'a.example/x',
      'a\u202e.example',
    ]) {
      assert.equal(parseDomain(bad), undefined, bad);
    }
  });

  it('orders certificates as each version wants it', () => {
    const meta = (minor: number) =>
      (
        certificateBodies(['a.example'], { major: 2, minor, revision: 0 }, 'me@example.org')[0] as {
          meta: object;
        }
      ).meta;
    assert.deepEqual(meta(15), { dns_challenge: false });
    assert.deepEqual(meta(13), { dns_challenge: false });
    assert.deepEqual(meta(12), {
      dns_challenge: false,
      letsencrypt_agree: true,
      letsencrypt_email: 'me@example.org',
    });
  });

  it('reads the version of forks too, which count otherwise', () => {
    const versions: [version: unknown, read: string | undefined][] = [
      [{ major: 2, minor: 15, revision: 1 }, '2.15.1'],
      [{ major: 2025, minor: null, revision: null }, '2025.0.0'],
      [{ major: '2', minor: 1, revision: 1 }, undefined],
      ['2.15.1', undefined],
    ];
    for (const [version, read] of versions) {
      const found = readVersion({ status: 'OK', version });
      assert.equal(found && Object.values(found).join('.'), read);
    }
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
    const found = findLeftovers(rows, ['a.example']);
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
    ['certificate', 500, 'Some challenges have failed.', /NPM does not say why \(Some challenges/],
    ['certificate', 403, 'Permission Denied', /may not do this in NPM/],
    ['certificate', 500, 'Detail: DNS problem: NXDOMAIN looking up A', /name server gives no address/],
    ['certificate', 400, 'Detail: Invalid response: 404', /answered by something else/],
  ];
  for (const [step, status, message, says] of codes) {
    it(`reads ${status} at ${step} (${message || 'no words'}) truly`, () => {
      const failure = { step, status, message, domain: 'a.example', url: 'http://npm:81' };
      const { message: cause, hint } = explainFailure(failure);
      assert.match(cause, says);
      assert.ok(hint.length > 10);
    });
  }
});

describe('the log of certbot', () => {
  const told = (log: string) => explainCertificate(findDetails(log), 'a.example').message;

  it('says what the authority said, each once', () => {
    const log = '  Domain: a.example\n  Detail: DNS problem: SERVFAIL\nx\n  Detail: DNS problem: SERVFAIL\n';
    assert.equal(findDetails(log), 'DNS problem: SERVFAIL');
    assert.match(told(log), /its name server gives no address for the domain/);
  });

  it('says that the authority was not reached, which is no fault of port 80', () => {
    const log = `2026-11-29 02:18:31,699:ERROR:certbot._internal.log:requests.exceptions.ConnectionError: HTTPSConnectionPool(host='acme-v02.api.letsencrypt.org', port=443): Max retries exceeded (Caused by NewConnectionError("Connection refused"))\n`;
    assert.match(told(log), /gave no certificate for a\.example: NPM cannot reach it \(requests/);
    assert.equal(findDetails('nothing of this'), '');
  });
});

describe('an advanced configuration', () => {
  const statements = (text: string) => listStatements(text).map((one) => one.text);

  const texts: [what: string, text: string, own: string[]][] = [
    ['comments', '# gzip off;\ngzip on; # limit_req zone=a_b;\n#', ['gzip on']],
    ['a comment between words', 'send_timeout # 3s;\n 9s;', ['send_timeout # 3s;\n 9s']],
    ['a number sign within a word', 'set $x a#b; gzip on;', ['set $x a#b', 'gzip on']],
    ['blocks', 'location /a { gzip off; } gzip on;', ['gzip on']],
    ['blocks in blocks', 'location /a { if ($b) { return 1; } gzip off; } gzip on;', ['gzip on']],
    ['braces in quotes', 'set $x "{;"; gzip on;', ['set $x "{;"', 'gzip on']],
    ['braces in a comment', '# { \ngzip on;', ['gzip on']],
    ['braces of a variable', `set $x \${host}y; gzip on;`, [`set $x \${host}y`, 'gzip on']],
    ['escaped quotes', String.raw`set $x "a\";b"; gzip on;`, [String.raw`set $x "a\";b"`, 'gzip on']],
    ['a brace too many', '} gzip on;', ['gzip on']],
    ['a statement without its end', 'gzip on; send_timeout 9s', ['gzip on']],
  ];
  for (const [what, text, own] of texts) {
    it(`is read with ${what}`, () => assert.deepEqual(statements(text), own));
  }

  it('keeps a limit that stands in a comment or a block of its own, which is none of the server', () => {
    const text = '# limit_req_status 503;\nlocation /x { limit_req zone=a_b; limit_req_status 503; }';
    const once = withRateLimit(text, 'a_b');
    assert.ok(once.startsWith(`${text}\n`));
    assert.match(once, /\nlimit_req zone=a_b burst=200 nodelay;\nlimit_req_status 429;\n/);
    assert.equal(withRateLimit(once, 'a_b'), once);
    assert.equal(withRateLimit(once, null), text);
  });
});

describe('what NPM wrote for its nginx', () => {
  const host = {
    ...newHost({ domain: 'a.example', forwardHost: 'kg-frontend' }),
    ...{ id: 3, certificate_id: 7, ssl_forced: true, advanced_config: 'gzip off;\n\nsend_timeout   9s;' },
  };
  const certificate = (provider: string) => [
    { id: 7, provider, domain_names: ['a.example'], created_on: '', expires_on: '' },
  ];
  const write = (folder: string) => `
server {
  set $forward_scheme http;
  set $server         "kg-frontend";
  set $port           80;
  ssl_certificate ${folder}/npm-7/fullchain.pem;
  include conf.d/include/block-exploits.conf;
  include conf.d/include/force-ssl.conf;
  proxy_set_header Upgrade $http_upgrade;
gzip off;

send_timeout 9s;
}
`;
  const config = write('/etc/letsencrypt/live');

  it('is as its row says', () => {
    assert.equal(isStale(config, host, certificate('letsencrypt')), false);
    assert.equal(isStale(write('/data/custom_ssl'), host, certificate('other')), false);
  });

  /** As NPMplus writes it: other files, other folders, and its own way to break lines. */
  const plus = config
    .replace('/etc/letsencrypt/live', '/data/tls/certbot/live')
    .replace('include conf.d/include/block-exploits.conf;', 'modsecurity on;')
    .replace('force-ssl', 'force-tls')
    .replace('Upgrade $http', 'Upgrade            $http')
    .replace('send_timeout 9s', 'send_timeout\n    9s');

  it('is as its row says where NPMplus wrote it, and not judged in words that nobody knows', () => {
    assert.equal(isStale(plus, host, certificate('letsencrypt')), false);
    for (const row of [{ forward_port: 8080 }, { ssl_forced: false }, { block_exploits: false }])
      assert.equal(isStale(plus, { ...host, ...row }, certificate('letsencrypt')), true);
    const unknown = config.replace(/set \$server.*/, 'proxy_pass http://kg-frontend:80;');
    assert.equal(isStale(unknown, { ...host, ssl_forced: false }, certificate('letsencrypt')), false);
  });

  const rows: [what: string, row: Partial<typeof host>][] = [
    ['another scheme', { forward_scheme: 'https' }],
    ['another place', { forward_host: 'elsewhere' }],
    ['another port', { forward_port: 8080 }],
    ['no WebSockets', { allow_websocket_upgrade: false }],
    ['no block of exploits', { block_exploits: false }],
    ['no forced TLS', { ssl_forced: false }],
    ['another certificate', { certificate_id: 8 }],
    ['no certificate', { certificate_id: 0 }],
    ['one more line', { advanced_config: `${host.advanced_config}\nserver_tokens off;` }],
  ];
  for (const [what, row] of rows) {
    it(`is stale where the row says ${what}`, () => {
      assert.equal(isStale(config, { ...host, ...row }, certificate('letsencrypt')), true);
    });
  }

  it('names each host', () => {
    const configs = `
server {
  # server_name a.example old.example;
  server_name b.example *.b.example;
}
server {
  server_name a.example
    www.a.example \u202eevil.example;
}`;
    assert.deepEqual(findServerNames(configs, '*.b.example'), ['b.example', '*.b.example']);
    assert.deepEqual(findServerNames(configs, 'a.example').slice(0, 2), ['a.example', 'www.a.example']);
    assert.doesNotMatch(findServerNames(configs, 'a.example').join(), /\u202e/);
    assert.deepEqual(findServerNames(configs, 'old.example'), []);
    assert.deepEqual(findServerNames('', 'a.example'), []);
  });
});
