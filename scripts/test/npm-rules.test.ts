import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { withRateLimit, zoneLine } from '../lib/proxy/npm/advanced-rules.ts';
import { certificateBody, findLeftovers } from '../lib/proxy/npm/certificate-rules.ts';
import { parseDomain } from '../lib/proxy/npm/domain.ts';
import { explainFailure } from '../lib/proxy/npm/failures.ts';

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
