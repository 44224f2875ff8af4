import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isOriginAllowed } from '../../src/live/origin.ts';

describe('whose pages may open the WebSocket', () => {
  for (const [origin, host, allowed, what] of [
    ['https://genes.example.org', 'genes.example.org', true, 'our own page'],
    ['https://genes.example.org:8443', 'genes.example.org', true, 'another port, which the proxy took out'],
    ['https://genes.example.org:8443', 'genes.example.org:8443', true, 'another port, passed on'],
    ['https://genes.example.org', 'genes.example.org:443', true, 'the port of the scheme'],
    ['https://genes.example.org:9999', 'genes.example.org:8443', false, 'two ports'],
    ['https://genes.example.org:8443', 'genes.example.org:443', false, 'another port than the one asked'],
    ['https://genes.example.org.evil.example', 'genes.example.org', false, 'a longer name'],
    ['https://evil.example:8443', 'genes.example.org', false, 'a foreign page on the same port'],
    ['https://[::1]:8443', '[::1]', true, 'IPv6'],
    ['https://[::1]:8443', '[::1]:9', false, 'IPv6, two ports'],
  ] as const) {
    it(`${allowed ? 'is allowed' : 'is refused'}: ${what}`, () => {
      assert.equal(isOriginAllowed({ origin, host }, [], true), allowed);
    });
  }

  it('believes nothing that others than our own network say of the host', () => {
    const origin = 'https://genes.example.org';
    const headers = { origin, host: 'genes.example.org', 'x-forwarded-host': 'genes.example.org' };
    assert.equal(isOriginAllowed(headers, [], false), false);
    assert.equal(isOriginAllowed(headers, [origin], false), true, 'the operator named it');
  });
});
