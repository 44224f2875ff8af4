import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { ProxyResult } from '../../lib/proxy/verify/check.ts';
import { TestStack } from './harness.ts';
import { BURST, DOMAIN, type Faults, NpmStage } from './npm-stage.ts';

/**
 * The heartbeat comes every 25 s: a timeout of 28 s is to it what NPM's 90 s are, and sooner over. NPM_READ_TIMEOUT=90 takes
 * NPM's own.
 */
const READ_TIMEOUT = Number(process.env.NPM_READ_TIMEOUT || 28);

/** What a visitor through this proxy would meet, and the check that has to find it. */
const BREAKS: readonly { what: string; faults: Faults; failing: string; found: RegExp }[] = [
  { what: 'HSTS comes from both', faults: { hsts: true }, failing: 'hsts', found: /2 times/ },
  {
    what: 'a header is dropped',
    faults: { advanced: 'proxy_hide_header X-Frame-Options;' },
    failing: 'headers',
    found: /x-frame-options is missing on GET \//,
  },
  {
    what: 'a client’s own X-Forwarded-For is passed on',
    faults: { client: 'its word' },
    failing: 'client-forged',
    found: /X-Forwarded-For is believed/,
  },
  {
    what: 'X-Real-IP is believed from anybody',
    faults: { client: 'any X-Real-IP' },
    failing: 'client-forged',
    found: /X-Real-IP is believed/,
  },
  {
    what: 'the client is not passed on',
    faults: { client: 'nothing' },
    failing: 'client-address',
    found: /a private address, and not 198\.18\./,
  },
  {
    what: 'old TLS is allowed',
    faults: { oldTls: true },
    failing: 'tls-old',
    found: /TLS 1\.0 and TLS 1\.1/,
  },
  {
    what: 'the certificate ends',
    faults: { certificateDays: 3 },
    failing: 'certificate-days',
    found: /^[23] days left/,
  },
  {
    what: 'the certificate is for another name',
    faults: { otherName: true },
    failing: 'certificate',
    found: /ERR_TLS_CERT_ALTNAME_INVALID.*other\.example\.org/,
  },
  {
    what: 'plain HTTP is served',
    faults: { noRedirect: true },
    failing: 'redirect',
    found: /^200 instead of 301/,
  },
  { what: 'HTTP/2 is off', faults: { noHttp2: true }, failing: 'http2', found: /chooses http\/1\.1/ },
  { what: 'the proxy tells its version', faults: { banner: true }, failing: 'banner', found: /nginx\/1\./ },
  { what: 'there is no rate limit', faults: { noLimit: true }, failing: 'rate-limit', found: /none refused/ },
];

describe('npm-verify, through a proxy of the form that NPM makes', { timeout: 600_000 }, () => {
  let stack: TestStack;
  let stage: NpmStage;

  before(async () => {
    stack = await TestStack.create('npm');
    stage = new NpmStage(stack);
    await stage.dispose();
    stack.setEnv('ALLOWED_HOSTS', `localhost,127.0.0.1,${DOMAIN}`);
    await stack.mustScript('npm-network', ['create']);
    await stack.mustScript('up', ['--timeout', '220']);
    await stage.start();
  });
  after(async () => {
    await stage?.dispose();
    await stack?.dispose();
  });

  const failed = (results: readonly ProxyResult[]) =>
    results.filter(({ status }) => status === 'fail').map(({ id, found }) => `${id}: ${found}`);

  it('holds in all, the WebSocket for longer than the read timeout', async () => {
    await stage.become({ readTimeout: READ_TIMEOUT });
    const wait = String(READ_TIMEOUT + 5);
    const args = ['--connect', stage.address, '--ca', stage.ca, '--wait', wait, '--json', DOMAIN];
    const { exitCode, stdout, stderr } = await stack.script('npm-verify', args);
    assert.equal(exitCode, 0, stdout + stderr);
    const { results } = JSON.parse(stdout) as { results: ProxyResult[] };
    const by = new Map(results.map((one) => [one.id, one]));
    for (const { id, status, found } of results) {
      const asked = ['dns', 'addresses', 'names'].includes(id) ? 'skip' : 'ok';
      assert.equal(status, asked, `${id}: ${found}`);
    }
    assert.match(by.get('websocket-long')?.found ?? '', /^open for \d+ s, [1-9] heartbeat/);
    assert.match(by.get('client-address')?.found ?? '', /the API saw 198\.18\./);
    assert.ok(Number(/after (\d+)/.exec(by.get('rate-limit')?.found ?? '')?.[1]) > BURST);
  });

  it('does not believe a CA that nobody named, and asks what it is told to alone', async () => {
    const args = ['--connect', stage.address, '--only', 'certificate,tls-new', DOMAIN];
    const { exitCode, stdout, stderr } = await stack.script('npm-verify', args);
    assert.equal(exitCode, 1);
    assert.match(
      stdout,
      /✘ The certificate is for this domain .*\n.*UNABLE_TO_VERIFY.*\n +→ make npm-proxy-host/,
    );
    assert.match(stderr, /1 of 2 checks failed \(certificate\)/);
  });

  it('says which check there is when one is misspelt', async () => {
    const { exitCode, stderr } = await stack.script('npm-verify', ['--only', 'htst', DOMAIN]);
    assert.equal(exitCode, 2);
    assert.match(stderr, /no check htst\n.*hsts/);
  });

  for (const { what, faults, failing, found } of BREAKS) {
    it(`finds it, and nothing else: ${what}`, async () => {
      await stage.become(faults);
      const results = await stage.verify();
      assert.deepEqual(
        failed(results).map((line) => line.split(':')[0]),
        [failing],
        failed(results).join('\n'),
      );
      assert.match(results.find(({ id }) => id === failing)?.found ?? '', found);
    });
  }

  it('finds NPM’s "Cache Assets", in the caching and in the compression that it breaks', async () => {
    await stage.become({ cacheAssets: true });
    const results = await stage.verify();
    const ids = failed(results).map((line) => line.split(':')[0]);
    assert.ok(ids.includes('asset-caching'), failed(results).join('\n'));
    assert.deepEqual(
      ids.filter((id) => id !== 'asset-caching' && id !== 'compression'),
      [],
      failed(results).join('\n'),
    );
  });

  it('finds that WebSockets are off', async () => {
    await stage.become({ noWebSocket: true });
    const results = await stage.verify(5);
    const ids = failed(results).map((line) => line.split(':')[0]);
    assert.deepEqual(ids, ['websocket', 'websocket-long'], failed(results).join('\n'));
  });

  it('finds a read timeout below the heartbeat', async () => {
    await stage.become({ readTimeout: 3 });
    const results = await stage.verify(8);
    assert.deepEqual(failed(results).length, 1, failed(results).join('\n'));
    assert.match(failed(results)[0] ?? '', /^websocket-long: closed after \d s \(code 1006\)/);
  });

  it('finds another name of the host that the certificate is not for, and that alone', async () => {
    process.env.NPM_CONTAINER = stage.container;
    const names = ['www.genes.example.org', 'kidney.example.org'];
    const asked = async (faults: Faults) => {
      await stage.become(faults);
      const results = await stage.verify();
      return [failed(results), results.find(({ id }) => id === 'names')?.found];
    };
    try {
      const found = names.map((name) => `${name}: ERR_TLS_CERT_ALTNAME_INVALID`).join('; ');
      assert.deepEqual(await asked({ names }), [[`names: ${found}`], found]);
      const covered = `${names.join(', ')}: each is covered`;
      assert.deepEqual(await asked({ names, namesCovered: true }), [[], covered]);
      assert.deepEqual(await asked({}), [[], 'no other name of the host is seen']);
    } finally {
      delete process.env.NPM_CONTAINER;
    }
  });

  it('warns of a certificate that ends soon', async () => {
    await stage.become({ certificateDays: 14 });
    const results = await stage.verify();
    const warned = results.filter(({ status }) => status === 'warn').map(({ id }) => id);
    assert.deepEqual([warned, failed(results)], [['certificate-days'], []]);
  });
});
