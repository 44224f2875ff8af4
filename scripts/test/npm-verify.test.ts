import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { commandArgv } from '../lib/process/command.ts';
import { ROOT } from '../lib/process/root.ts';
import { run } from '../lib/process/shell.ts';
import { judgeFirst } from '../lib/proxy/verify/reach.ts';
import {
  type Answer,
  findCdn,
  findClient,
  judgeClient,
  judgeDays,
  judgeForged,
  judgeHeaders,
  judgeHsts,
  judgeRedirect,
  parseFixedHeaders,
  plainAddress,
} from '../lib/proxy/verify/rules.ts';

const DAY_MS = 86_400_000;

function answer(headers: Record<string, string[]>): Answer {
  return { what: 'GET /', status: 200, headers: new Map(Object.entries(headers)), body: Buffer.alloc(0) };
}

describe('what npm-verify makes of an answer', () => {
  it('takes the headers that have to arrive from the nginx configuration itself', () => {
    const wanted = parseFixedHeaders(readFileSync(join(ROOT, 'deploy/nginx/server/headers.conf'), 'utf8'));
    assert.equal(wanted.get('x-content-type-options'), 'nosniff');
    assert.equal(wanted.get('x-xss-protection'), '0');
    assert.match(
      wanted.get('content-security-policy') ?? '',
      /^default-src 'self'; .*frame-ancestors 'self'$/,
    );
    assert.ok(!wanted.has('strict-transport-security') && !wanted.has('cache-control'), 'these vary');
  });

  it('finds headers that are missing, doubled or changed', () => {
    const wanted = new Map([['x-frame-options', 'SAMEORIGIN']]);
    const judge = (...values: string[][]) =>
      judgeHeaders(
        values.map((one) => answer(one.length > 0 ? { 'x-frame-options': one } : {})),
        wanted,
      );
    assert.equal(judge(['SAMEORIGIN'], ['SAMEORIGIN']).status, 'ok');
    assert.match(judge(['SAMEORIGIN'], []).found, /x-frame-options is missing on GET \//);
    assert.match(judge(['SAMEORIGIN', 'SAMEORIGIN']).found, /is SAMEORIGIN and SAMEORIGIN/);
    assert.match(judge(['DENY']).found, /is DENY/);
  });

  for (const [values, status] of [
    [['max-age=63072000'], 'ok'],
    [['max-age=31536000; includeSubDomains'], 'ok'],
    [['max-age=300'], 'fail'],
    [[], 'fail'],
    [['max-age=63072000', 'max-age=63072000; preload'], 'fail'],
  ] as const) {
    it(`says ${status} to HSTS ${JSON.stringify(values)}`, () => {
      assert.equal(judgeHsts([answer({ 'strict-transport-security': [...values] })]).status, status);
    });
  }

  for (const [days, status, found] of [
    [80, 'ok', '80 days left'],
    [21, 'ok', '21 days left'],
    [20, 'warn', '20 days left'],
    [7, 'warn', '7 days left'],
    [6, 'fail', '6 days left'],
    [-2, 'fail', 'ended 2 days ago'],
  ] as const) {
    it(`says ${status} to a certificate of ${days} days`, () => {
      assert.deepEqual(judgeDays(days * DAY_MS, 0), { status, found });
    });
  }

  it('wants a redirect that is permanent and keeps the address', () => {
    const wanted = 'https://a.example/x?y=1';
    assert.equal(judgeRedirect(301, wanted, wanted).status, 'ok');
    assert.equal(judgeRedirect(302, wanted, wanted).status, 'fail');
    assert.equal(judgeRedirect(301, 'https://a.example/', wanted).status, 'fail');
    assert.match(judgeRedirect(200, undefined, wanted).found, /^200 instead of 301/);
  });
});

describe('who the API saw', () => {
  it('is read from both forms of its log', () => {
    const json = '{"level":"info","reqId":"npm-verify-1","url":"/x","client":"192.0.2.1","msg":"request"}';
    const text = '2026-01-01 INFO  request reqId=npm-verify-2 url=/x ms=1 client=2001:db8::1';
    assert.equal(findClient(`other\n${json}\n${text}`, 'npm-verify-1'), '192.0.2.1');
    assert.equal(findClient(`other\n${json}\n${text}`, 'npm-verify-2'), '2001:db8::1');
    assert.equal(findClient(json, 'npm-verify-3'), undefined);
    assert.equal(plainAddress('::ffff:192.0.2.1'), '192.0.2.1');
  });

  for (const [seen, local, status, what] of [
    ['203.0.113.5', '203.0.113.5', 'ok', 'a server that asks itself'],
    ['192.168.1.7', '192.168.1.7', 'ok', 'a proxy in the same LAN'],
    ['203.0.113.5', '192.168.1.7', 'ok', 'a computer at home'],
    ['172.18.0.1', '203.0.113.5', 'fail', 'Docker’s helper in between'],
    ['172.18.0.1', '192.168.1.7', 'fail', 'Docker’s helper in a LAN'],
    ['198.51.100.9', '203.0.113.5', 'fail', 'a second proxy that is not known'],
    ['172.18.0.1', '127.0.0.1', 'warn', 'loopback'],
    [undefined, '203.0.113.5', 'fail', 'no line in the log'],
  ] as const) {
    it(`is ${status} for ${what}`, () => {
      assert.equal(judgeClient(seen, local).status, status);
    });
  }

  it('is not changed by a forged header; NPM’s trust in private neighbours is a warning', () => {
    const lie = (header: string, believed: boolean) => ({
      header,
      claimed: '192.0.2.66',
      seen: believed ? '192.0.2.66' : '203.0.113.5',
    });
    const judge = (local: string, ...lies: ReturnType<typeof lie>[]) =>
      judgeForged('203.0.113.5', lies, local).status;
    assert.equal(judge('203.0.113.5', lie('X-Forwarded-For', false), lie('X-Real-IP', false)), 'ok');
    assert.equal(judge('203.0.113.5', lie('X-Forwarded-For', true)), 'fail');
    assert.equal(judge('203.0.113.5', lie('X-Real-IP', true)), 'fail');
    assert.equal(judge('192.168.1.7', lie('X-Real-IP', true)), 'warn');
    assert.equal(judge('192.168.1.7', lie('X-Real-IP', true), lie('X-Forwarded-For', true)), 'fail');
  });
});

describe('what stands in the way of everything', () => {
  const first = (status: number, body = '') =>
    judgeFirst({ ...answer({}), status, body: Buffer.from(body) }, 'a.example');
  for (const [status, body, found] of [
    [401, '', /has an access list \(401\)/],
    [403, '', /has an access list \(403\)/],
    [502, '', /does not reach the frontend/],
    [404, '', /something else than this app \(404\)/],
    [200, 'Congratulations! You have installed NPM', /something else than this app/],
  ] as const) {
    it(`is one sentence: ${status} ${body}`, () => assert.match(first(status, body)?.found ?? '', found));
  }
  it('is nothing where the page comes', () => assert.equal(first(200, '<div id="app">'), undefined));

  it('is the missing address, and nothing else is asked', async () => {
    const argv = commandArgv('npm-verify', ['--quick', 'nowhere.invalid']);
    const { exitCode, stderr, stdout } = await run(argv, { cwd: ROOT, timeoutMs: 60_000 });
    assert.equal(exitCode, 1, stderr);
    assert.match(stderr, /nowhere\.invalid has no address.*; nothing else was asked/);
    assert.deepEqual(stdout.match(/\[[a-z-]+\]/g), ['[reach]']);
  });
});

describe('a CDN in front', () => {
  for (const [headers, cdn] of [
    [{ 'cf-ray': ['8f-FRA'] }, 'Cloudflare'],
    [{ server: ['cloudflare'] }, 'Cloudflare'],
    [{ 'x-amz-cf-id': ['x'], via: ['1.1 y'] }, 'CloudFront'],
    [{ via: ['1.1 varnish'] }, 'a CDN or another proxy'],
    [{ 'x-served-by': ['genes.example.org'], server: ['nginx'] }, undefined],
  ] as const) {
    it(`is ${cdn ?? 'nobody'} for ${Object.keys(headers).join(', ')}`, () =>
      assert.equal(findCdn(answer(headers as unknown as Record<string, string[]>)), cdn));
  }

  it('hides its clients behind one address, and the two settings are named', () => {
    const edge = judgeClient('162.158.1.1', '203.0.113.5', 'Cloudflare');
    assert.equal(edge.status, 'fail');
    assert.match(edge.fix ?? '', /real_ip_header CF-Connecting-IP; .*set_real_ip_from/);
    assert.equal(judgeClient('162.158.1.1', '192.168.1.7', 'Cloudflare').status, 'warn');
    assert.equal(judgeClient('203.0.113.5', '203.0.113.5', 'Cloudflare').status, 'ok');
  });
});
