import assert from 'node:assert/strict';
import { get } from 'node:http';
import { connect } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { until } from './harness.ts';
import { type Answer, header, NginxStage } from './nginx-stage.ts';

interface Echo {
  name: string;
  method: string;
  url: string;
  headers: Record<string, string>;
  posted: number;
  exported: number;
  connection: number;
}

interface LogLine {
  requestId: string;
  client: string;
  method: string;
  path: string;
  status: number;
}

const POLICY =
  "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; " +
  "connect-src 'self'; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'";
const SECURITY_HEADERS: Readonly<Record<string, string | RegExp>> = {
  'content-security-policy': POLICY,
  'x-frame-options': 'SAMEORIGIN',
  'x-content-type-options': 'nosniff',
  'x-xss-protection': '0',
  'referrer-policy': 'strict-origin-when-cross-origin',
  'permissions-policy': /camera=\(\)/,
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
};
const HEAL_MS = 5000;

describe('nginx', { timeout: 120_000 }, () => {
  const stage = new NginxStage();
  /** Milliseconds after which each slow client was cut; they run beside the other tests. */
  let slowClients: Promise<[number, number]>;

  before(async () => {
    await stage.start();
    await until('nginx answers', 10_000, async () => (await stage.ask('/health')).status === 200);
    const head = `POST /api/post HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n`;
    slowClients = Promise.all([
      trickle(stage.port, 'GET / HTTP/1.1\r\nHost: localhost\r\n', 'X-Slow: 1\r\n'),
      trickle(stage.port, head, ''),
    ]);
    slowClients.catch(() => {});
  });
  after(() => stage.dispose());

  describe('without the backend', () => {
    it('serves the page and says that the API is away and when to come again', async () => {
      assert.equal((await stage.ask('/health')).body.toString(), 'healthy\n');
      assert.match((await stage.ask('/')).body.toString(), /<div id="app">/);
      const away = await stage.ask('/api/v1/genes?q="x"');
      assert.equal(away.status, 503);
      assert.equal(header(away, 'content-type'), 'application/problem+json');
      assert.equal(header(away, 'cache-control'), 'no-store');
      assert.ok(Number(header(away, 'retry-after')) > 0);
      const { detail, ...problem } = JSON.parse(away.body.toString());
      assert.match(detail, /starting or being replaced/);
      assert.deepEqual(problem, {
        type: 'about:blank',
        title: 'Service Unavailable',
        status: 503,
        instance: '/api/v1/genes',
        requestId: header(away, 'x-request-id'),
      });
    });

    it('finds it when it comes, and its new address when it is recreated, within 5 s and with no restart', async () => {
      const started = await stage.docker('inspect', '--format', '{{.State.StartedAt}}', stage.nginx);
      await stage.startBackend('one');
      await until('the API answers', HEAL_MS, () => answers(stage, 'one'));

      const address = await stage.addressOfBackend('one');
      await stage.remove('one');
      await stage.occupyAddress('squatter');
      await stage.startBackend('one');
      assert.notEqual(await stage.addressOfBackend('one'), address);
      await until('the API answers from its new address', HEAL_MS, () => answers(stage, 'one'));
      assert.equal(await stage.docker('inspect', '--format', '{{.State.StartedAt}}', stage.nginx), started);
    });
  });

  describe('page', () => {
    it('answers its own addresses, and 404 for files that are missing', async () => {
      const page = (await stage.ask('/')).body.toString();
      const browser = { Accept: 'text/html,application/xhtml+xml,*/*;q=0.8' };
      for (const path of ['/genes/PKD1', '/genes/PKD1?tab=diseases', '/index.html', '/anything']) {
        const answer = await stage.ask(path, { headers: browser });
        assert.deepEqual([path, answer.status, answer.body.toString()], [path, 200, page]);
      }
      const missing = [
        '/assets/gone-Abc123.js',
        '/assets/',
        '/logo.png',
        '/wp-login.php',
        '/_error/page.html',
      ];
      for (const path of missing) {
        const answer = await stage.ask(path, { headers: browser });
        assert.deepEqual([path, answer.status], [path, 404]);
        assert.doesNotMatch(answer.body.toString(), /<div id="app">/);
      }
      assert.equal((await stage.ask('/genes/PKD1', { headers: { Accept: 'application/json' } })).status, 404);
    });

    it('keeps hashed files for good, and asks for the page each time at under 2 kB', async () => {
      const first = await stage.ask('/');
      assert.equal(header(first, 'cache-control'), 'no-cache');
      for (const path of assetsOf(first)) {
        const asset = await stage.ask(path);
        assert.equal(header(asset, 'cache-control'), 'public, max-age=31536000, immutable');
      }
      const again = await stage.ask('/', { headers: { 'If-None-Match': header(first, 'etag') } });
      assert.equal(again.status, 304);
      assert.equal(header(again, 'cache-control'), 'no-cache');
      assert.ok(again.wireBytes < 2000, `${again.wireBytes} bytes`);
      assert.equal(header(await stage.ask('/assets/gone.js'), 'cache-control'), 'no-store');
    });

    it('sends the copy that was compressed at build time, also to a proxy that speaks HTTP/1.0', async () => {
      const script = assetsOf(await stage.ask('/')).find((path) => path.endsWith('.js'));
      assert.ok(script);
      const plain = await stage.ask(script);
      assert.equal(header(plain, 'content-encoding'), undefined);
      assert.equal(header(plain, 'content-type'), 'text/javascript; charset=utf-8');
      const packed = await stage.ask(script, {
        headers: { 'Accept-Encoding': 'gzip, br', Via: '1.1 proxy' },
      });
      assert.equal(header(packed, 'content-encoding'), 'gzip');
      assert.equal(header(packed, 'vary'), 'Accept-Encoding');
      const stored = await stage.inNginx('stat', '-c', '%s', `/usr/share/nginx/html${script}.gz`);
      assert.equal(packed.body.length, Number(stored));
      assert.deepEqual(gunzipSync(packed.body), plain.body);
      const old = await stage.raw(`GET ${script} HTTP/1.0\r\nAccept-Encoding: gzip\r\n\r\n`);
      assert.match(old, /^HTTP\/1\.1 200 [\s\S]*\r\nContent-Encoding: gzip\r\n/);
    });
  });

  describe('API', () => {
    it('gets method, path, query and body unchanged over few connections', async () => {
      const echo = await stage.askJson<Echo>('/api/v1/genes%20x?q=a%2Fb..&sort=-symbol', {
        method: 'PATCH',
        headers: { Host: 'genes.example.org:8443', 'Content-Type': 'application/json' },
        body: '{"name":"x"}',
      });
      assert.deepEqual([echo.method, echo.url], ['PATCH', '/api/v1/genes%20x?q=a%2Fb..&sort=-symbol']);
      assert.equal(echo.headers.host, 'genes.example.org:8443');
      // Not before nginx has settled on the address that it has just found.
      await until('20 requests over one or two connections', HEAL_MS, async () => {
        const connections = new Set<number>();
        for (let index = 0; index < 20; index += 1) {
          connections.add((await stage.askJson<Echo>('/api/echo')).connection);
        }
        return connections.size <= 2;
      });
    });

    it('gives its errors, caching and compression through as they are', async () => {
      const missing = await stage.ask('/api/missing');
      assert.deepEqual(
        [missing.status, JSON.parse(missing.body.toString())],
        [404, { title: 'No such gene' }],
      );
      const unavailable = await stage.ask('/api/unavailable');
      assert.deepEqual([unavailable.status, header(unavailable, 'retry-after')], [503, '7']);
      assert.deepEqual(JSON.parse(unavailable.body.toString()), { name: 'one' });

      const genes = await stage.ask('/api/genes', { headers: { 'Accept-Encoding': 'gzip' } });
      assert.equal(header(genes, 'content-encoding'), 'gzip');
      assert.equal(header(genes, 'vary'), 'Accept-Encoding');
      assert.equal(header(genes, 'cache-control'), 'public, no-cache');
      assert.equal(header(genes, 'etag'), 'W/"one"');
      assert.equal(JSON.parse(gunzipSync(genes.body).toString()).items.length, 200);
    });

    it('cannot be made to steer nginx, and sends no answer to a foreign origin', async () => {
      assert.equal((await stage.askJson<Echo>('/api/steer')).url, '/api/steer');
      const foreign = await stage.ask('/api/echo', { headers: { Origin: 'https://evil.example' } });
      assert.deepEqual(
        [...foreign.headers.keys()].filter((name) => name.startsWith('access-control-')),
        [],
      );
    });

    it('holds a long download back for a slow reader and stores none of it', async () => {
      const stalled = get({ host: '127.0.0.1', port: stage.port, path: '/api/export', agent: false });
      stalled.on('response', (response) => response.pause());
      stalled.on('error', () => {});
      // What socket buffers take is taken soon; a spool on disk would go on growing.
      const exported = async (): Promise<number> => (await stage.askJson<Echo>('/api/echo')).exported;
      let before = 0;
      let now = 1;
      for (let seconds = 0; seconds < 15 && now !== before; seconds += 1) {
        before = now;
        await sleep(1000);
        now = await exported();
      }
      assert.ok(now > 1);
      assert.equal(now, before, 'it does not go on');
      assert.equal(
        await stage.inNginx('find', '/tmp', '-type', 'f', '!', '-name', 'nginx.pid', '!', '-name', '*.conf'),
        '',
      );
      stalled.destroy();
    });

    it('passes one request id and sends it back once', async () => {
      const fresh = await stage.ask('/api/echo');
      const id = header(fresh, 'x-request-id') ?? '';
      assert.match(id, /^[0-9a-f]{32}$/);
      assert.equal((JSON.parse(fresh.body.toString()) as Echo).headers['x-request-id'], id);
      const passed = await stage.ask('/api/echo', { headers: { 'X-Request-Id': 'from-the-proxy.1' } });
      assert.equal(header(passed, 'x-request-id'), 'from-the-proxy.1');
      for (const odd of ['short', 'a"b,c:d{e}f', 'x'.repeat(65)]) {
        const replaced = await stage.ask('/api/echo', { headers: { 'X-Request-Id': odd } });
        assert.match(header(replaced, 'x-request-id') ?? '', /^[0-9a-f]{32}$/);
      }
    });
  });

  describe('client', () => {
    it('is who the proxy saw, whatever the client put before that', async () => {
      const { headers } = await stage.askJson<Echo>('/api/echo', {
        headers: {
          'X-Forwarded-For': '1.2.3.4, 10.0.0.9, 192.0.2.77',
          'X-Real-IP': '1.2.3.4',
          'X-Forwarded-Proto': 'https',
          'X-Forwarded-Host': 'evil.example',
          Forwarded: 'for=1.2.3.4',
        },
      });
      assert.equal(headers['x-real-ip'], '192.0.2.77');
      assert.equal(headers['x-forwarded-for'], '192.0.2.77');
      assert.equal(headers['x-forwarded-proto'], 'https');
      assert.equal(headers['x-forwarded-host'], undefined);
      assert.equal(headers.forwarded, undefined);
    });

    it('is not believed when it is no proxy', async () => {
      const address = await stage.addressOf(stage.nginx, stage.outside);
      const printed = await stage.fromOutside(`
        import { networkInterfaces } from 'node:os';
        const headers = { 'X-Forwarded-For': '10.1.1.1', 'X-Forwarded-Proto': 'https', 'X-Request-Id': 'chosen-by-me' };
        const answer = await fetch('http://${address}/api/echo', { headers });
        const own = Object.values(networkInterfaces()).flat().find(({ address }) => address.startsWith('198.18.'));
        console.log(JSON.stringify({
          own: own.address, hsts: answer.headers.get('strict-transport-security'), seen: (await answer.json()).headers,
        }));`);
      const { own, hsts, seen } = JSON.parse(printed);
      assert.deepEqual(
        [seen['x-real-ip'], seen['x-forwarded-for'], seen['x-forwarded-proto']],
        [own, own, 'http'],
      );
      assert.match(seen['x-request-id'], /^[0-9a-f]{32}$/);
      assert.equal(hsts, null);
    });

    it('gets HSTS over TLS and not otherwise', async () => {
      for (const path of ['/', '/assets/gone.js', '/api/echo', '/api/missing', '/health']) {
        const secure = await stage.ask(path, { headers: { 'X-Forwarded-Proto': 'https' } });
        assert.match(header(secure, 'strict-transport-security') ?? '', /^max-age=\d{8}$/);
        const plain = await stage.ask(path, { headers: { 'X-Forwarded-Proto': 'http' } });
        assert.equal(header(plain, 'strict-transport-security'), undefined);
      }
    });
  });

  describe('WebSocket', () => {
    it('is upgraded and carries bytes both ways', async () => {
      const opened = await upgrade(stage.port, '/ws/genes', 'websocket', 'hello there');
      assert.match(opened, /^HTTP\/1\.1 101 /);
      assert.match(opened, /\r\nX-Seen: websocket upgrade [0-9a-f]{32}\r\n/);
      assert.match(opened, /hello there$/);
    });

    it('is the only upgrade, and only under /ws/', async () => {
      assert.doesNotMatch(await upgrade(stage.port, '/ws/genes', 'h2c', ''), /^HTTP\/1\.1 101 /);
      const attempt = { Connection: 'Upgrade, HTTP2-Settings', Upgrade: 'websocket' };
      const { headers } = await stage.askJson<Echo>('/api/echo', { headers: attempt });
      assert.deepEqual([headers.upgrade, headers.connection], [undefined, undefined]);
      const plain = await stage.askJson<Echo>('/ws/genes');
      assert.deepEqual([plain.url, plain.headers.upgrade], ['/ws/genes', undefined]);
    });
  });

  describe('refuses', () => {
    it('methods that have no place, and says which have', async () => {
      for (const [method, path, allowed] of [
        ['POST', '/', 'GET, HEAD'],
        ['PUT', '/assets/x.js', 'GET, HEAD'],
        ['DELETE', '/health', 'GET, HEAD'],
        ['POST', '/ws/genes', 'GET, HEAD'],
        ['TRACE', '/', 'GET, HEAD'],
        ['TRACE', '/api/echo', 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS'],
        ['PROPFIND', '/api/echo', 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS'],
      ] as const) {
        const answer = await stage.ask(path, { method });
        assert.deepEqual(
          [method, path, answer.status, header(answer, 'allow')],
          [method, path, 405, allowed],
        );
      }
    });

    it('hidden files and every way out of a folder', async () => {
      for (const path of [
        '/.git/config',
        '/.env',
        '/api/.env',
        '/assets/.htaccess',
        '/api../etc/passwd',
        '/assets../nginx.conf',
        '/api/../../etc/passwd',
        '/api/%2e%2e/%2e%2e/etc/passwd',
        '/assets/..%2f..%2fetc/passwd',
        '/api/..%5c..%5cetc',
        '/api/v1//genes',
        '//evil.example/..',
        '/api/x%00.json',
        '/page%252f..',
      ]) {
        const answer = await stage.ask(path, { headers: { Accept: 'text/html' } });
        assert.ok([400, 404].includes(answer.status), `${path} was answered ${answer.status}`);
        assert.doesNotMatch(answer.body.toString(), /root:|worker_processes|"headers"|<div id="app">/);
      }
    });

    it('requests that two servers could read differently, before the backend sees them', async () => {
      const { posted } = await stage.askJson<Echo>('/api/echo');
      const start = 'POST /api/post HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n';
      const smuggled = '0\r\n\r\nPOST /api/post HTTP/1.1\r\nHost: localhost\r\n\r\n';
      for (const lengths of [
        'Content-Length: 4\r\nTransfer-Encoding: chunked\r\n',
        'Content-Length: 4\r\nContent-Length: 5\r\n',
        'Content-Length: +4\r\n',
        'Transfer-Encoding: xchunked\r\n',
        'Transfer-Encoding: chunked, identity\r\n',
        'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n',
      ]) {
        const answer = await stage.raw(`${start}${lengths}\r\n${smuggled}`);
        assert.match(answer, /^HTTP\/1\.1 (400|501) /, lengths);
      }
      assert.equal((await stage.askJson<Echo>('/api/echo')).posted, posted);
    });

    it('malformed requests, with the same headers and no version', async () => {
      for (const bytes of [
        'GET / HTTP/1.1\r\n\r\n',
        'GET / HTTP/1.1\r\nHost: a b\r\n\r\n',
        'GET / HTTP/1.1\r\nHost: one\r\nHost: two\r\n\r\n',
        'rubbish\r\n\r\n',
        'GET /\u0001 HTTP/1.1\r\nHost: localhost\r\n\r\n',
        'GET / HTTP/9.9\r\nHost: localhost\r\n\r\n',
      ]) {
        const answer = await stage.raw(bytes);
        assert.match(answer, /^HTTP\/1\.1 (400|505) /, bytes);
        assert.ok(answer.includes(`\r\nContent-Security-Policy: ${POLICY}\r\n`), answer);
        assert.match(answer, /\r\nX-Content-Type-Options: nosniff\r\n/);
        assert.doesNotMatch(answer, /nginx\/|<center>/);
      }
    });

    it('what is too large', async () => {
      const declared = await stage.ask('/api/post', {
        method: 'POST',
        headers: { 'Content-Length': 1024 * 1024 + 1 },
      });
      assert.equal(declared.status, 413);
      assert.equal(header(declared, 'content-type'), 'application/problem+json');
      assert.equal((await stage.ask(`/api/echo?q=${'x'.repeat(9000)}`)).status, 414);
      assert.equal((await stage.ask('/', { headers: { Cookie: 'x'.repeat(9000) } })).status, 431);
      const many = Object.fromEntries(Array.from({ length: 120 }, (_, index) => [`x-${index}`, '1']));
      assert.equal((await stage.ask('/', { headers: many })).status, 431);
    });

    it('more than 256 requests at once from one public address, and nobody else’s', async () => {
      const crowd = Array.from({ length: 270 }, async () => {
        const headers = { 'X-Forwarded-For': '192.0.2.200' };
        return (await stage.ask('/api/echo?ms=1500', { headers })).status;
      });
      await sleep(700);
      assert.equal(
        (await stage.ask('/api/echo', { headers: { 'X-Forwarded-For': '192.0.2.201' } })).status,
        200,
      );
      const statuses = await Promise.all(crowd);
      const refused = statuses.filter((status) => status === 429).length;
      assert.deepEqual([statuses.length - refused, refused], [256, 14]);
    });
  });

  describe('update of the backend', () => {
    it('uses both addresses, passes over one that refuses, and never repeats a POST', async () => {
      await stage.startBackend('two');
      await until('both answer', HEAL_MS, async () => (await namesOf(stage, 8)).size === 2);
      await stage.startBackend('deaf', 'setInterval(() => {}, 1e6)');
      await sleep(3000);
      const before = await postedBy(stage);
      for (let index = 0; index < 30; index += 1) {
        assert.equal((await stage.ask('/api/post', { method: 'POST', body: '{}' })).status, 200);
        assert.equal((await stage.ask('/api/echo')).status, 200);
      }
      assert.equal((await postedBy(stage)) - before, 30);
      await stage.remove('deaf');
    });

    it('drops no request when one drains and stops, and no reading request when one is killed', async () => {
      const load = new Load(stage);
      load.start('GET', 4);
      load.start('POST', 2);
      await sleep(500);
      await stage.stop('one');
      await sleep(2500);
      await load.end();
      assert.deepEqual(load.failures, []);

      await stage.startBackend('three');
      await until('both answer', HEAL_MS, async () => (await namesOf(stage, 8)).size === 2);
      const reading = new Load(stage);
      reading.start('GET', 4);
      await sleep(500);
      await stage.remove('two');
      await sleep(2500);
      await reading.end();
      assert.deepEqual(reading.failures, []);
      assert.ok(
        load.answered > 200 && reading.answered > 200,
        `${load.answered} and ${reading.answered} answers`,
      );
    });
  });

  describe('container', () => {
    it('runs as nginx with no capability and can write nowhere but to /tmp', async () => {
      assert.equal((await stage.inNginx('whoami')).trim(), 'nginx');
      const status = await stage.inNginx('cat', '/proc/1/status');
      for (const set of ['Inh', 'Prm', 'Eff', 'Bnd', 'Amb'])
        assert.match(status, new RegExp(`^Cap${set}:\\t0+$`, 'm'));
      const writable = await stage.inNginx('find', '/etc/nginx', '/usr/share/nginx', '-writable');
      assert.equal(writable, '');
      const foreign = await stage.inNginx(
        'find',
        '/etc/nginx',
        '/usr/share/nginx/html',
        '!',
        '-user',
        'root',
      );
      assert.equal(foreign, '');
      assert.equal(await stage.docker('diff', stage.nginx), '');
      await stage.inNginx('nginx', '-e', 'stderr', '-t');
    });

    it('cuts clients that send too slowly', async () => {
      const [headers, body] = await slowClients;
      assert.ok(headers > 5000 && headers < 15_000, `slow headers were cut after ${headers} ms`);
      assert.ok(body > 5000 && body < 15_000, `a slow body was cut after ${body} ms`);
    });

    it('logs one JSON line a request, without queries and credentials', async () => {
      const id = 'log-test-0001';
      const headers = { 'X-Request-Id': id, Authorization: 'Bearer of-bad-news', Cookie: 'session=crumbs' };
      await stage.ask('/api/echo?token=top%22secret', {
        headers: { ...headers, 'X-Forwarded-For': '192.0.2.5' },
      });
      await stage.ask('/health?probe=1');
      await stage.ask('/', { method: 'POST', headers: { 'X-Request-Id': 'log-test-0002' } });
      await sleep(1500);
      const { stdout } = await stage.logs();
      const lines = stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as LogLine);
      const find = (wanted: string): Partial<LogLine> =>
        lines.find(({ requestId }) => requestId === wanted) ?? {};
      const { client, method, path, status } = find(id);
      assert.deepEqual([client, method, path, status], ['192.0.2.5', 'GET', '/api/echo', 200]);
      const refused = find('log-test-0002');
      assert.deepEqual([refused.method, refused.path, refused.status], ['POST', '/', 405]);
      assert.doesNotMatch(stdout, /secret|of-bad-news|crumbs/);
      assert.equal(
        lines.some(({ path, status }) => path === '/health' && status === 200),
        false,
      );
    });

    it('has sent every security header exactly once on every answer, and no version', () => {
      const statuses = new Set(stage.seen.map(({ status }) => status));
      for (const status of [200, 304, 404, 405, 413, 414, 431, 503])
        assert.ok(statuses.has(status), String(status));
      for (const answer of stage.seen) {
        for (const [name, wanted] of Object.entries(SECURITY_HEADERS)) {
          const value = header(answer, name);
          if (typeof wanted === 'string') assert.equal(value, wanted, `${name} on ${answer.what}`);
          else assert.match(value ?? '', wanted, `${name} on ${answer.what}`);
        }
        for (const once of ['x-request-id', 'cache-control', 'vary', 'allow', 'retry-after'])
          header(answer, once);
        assert.equal(header(answer, 'server'), 'nginx');
        assert.equal(header(answer, 'x-powered-by'), undefined);
        assert.doesNotMatch(answer.body.toString('latin1'), /<center>|nginx\//);
      }
    });

    it('finishes open requests when it is told to stop', async () => {
      const open = stage.ask('/api/echo?ms=1000');
      await sleep(200);
      await stage.docker('stop', stage.nginx);
      assert.equal((await open).status, 200);
      assert.equal(
        (await stage.docker('inspect', '--format', '{{.State.ExitCode}}', stage.nginx)).trim(),
        '0',
      );
    });
  });
});

/** Requests one after another, as many at a time as clients, noting each that is not answered 200. */
class Load {
  answered = 0;
  readonly failures: string[] = [];
  private running = true;
  private readonly clients: Promise<void>[] = [];

  private readonly stage: NginxStage;

  constructor(stage: NginxStage) {
    this.stage = stage;
  }

  start(method: string, clients: number): void {
    const path = method === 'GET' ? '/api/echo?ms=5' : '/api/post?ms=5';
    for (let index = 0; index < clients; index += 1) this.clients.push(this.run(method, path));
  }

  async end(): Promise<void> {
    this.running = false;
    await Promise.all(this.clients);
  }

  private async run(method: string, path: string): Promise<void> {
    while (this.running) {
      const outcome = await this.stage.ask(path, { method }).then(
        ({ status }) => status,
        (error: Error) => error.message,
      );
      if (outcome === 200) this.answered += 1;
      else this.failures.push(`${method} ${outcome}`);
    }
  }
}

async function answers(stage: NginxStage, name: string): Promise<boolean> {
  return (await stage.askJson<Echo>('/api/echo')).name === name;
}

async function namesOf(stage: NginxStage, requests: number): Promise<Set<string>> {
  const names = new Set<string>();
  for (let index = 0; index < requests; index += 1) names.add((await stage.askJson<Echo>('/api/echo')).name);
  return names;
}

/** How many POSTs all backends have carried out. */
async function postedBy(stage: NginxStage): Promise<number> {
  const counts = new Map<string, number>();
  for (let index = 0; index < 12; index += 1) {
    const { name, posted } = await stage.askJson<Echo>('/api/echo');
    counts.set(name, posted);
  }
  return [...counts.values()].reduce((sum, count) => sum + count, 0);
}

/** The hashed files that a page names. */
function assetsOf(page: Answer): string[] {
  const found = [...page.body.toString().matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)].map(
    ([, path = '']) => path,
  );
  assert.ok(found.length > 0, 'the page names no hashed file');
  return found;
}

/** Sends `head`, then `more` every 2 s; gives the milliseconds after which the server had enough. */
function trickle(port: number, head: string, more: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const since = Date.now();
    const socket = connect(port, '127.0.0.1', () => socket.write(head));
    const timer = setInterval(() => more && socket.write(more), 2000);
    const giveUp = setTimeout(() => socket.destroy(new Error('a slow client was left waiting')), 30_000);
    const end = (): void => {
      clearInterval(timer);
      clearTimeout(giveUp);
    };
    socket.resume();
    socket.on('error', (error: NodeJS.ErrnoException) => {
      end();
      // Cut by a reset, which spares the server the waiting state.
      if (error.code === 'ECONNRESET' || error.code === 'EPIPE') resolve(Date.now() - since);
      else reject(error);
    });
    socket.on('close', () => {
      end();
      resolve(Date.now() - since);
    });
  });
}

/** Asks for a switch of protocols, sends `text` after it, and gives all that came within a second. */
function upgrade(port: number, path: string, protocol: string, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const head = [
      `GET ${path} HTTP/1.1`,
      'Host: localhost',
      'Connection: Upgrade',
      `Upgrade: ${protocol}`,
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    ].join('\r\n');
    let received = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(`${head}\r\n\r\n`));
    socket.on('data', (chunk) => {
      if (received === '' && text) socket.write(text);
      received += chunk.toString();
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(received));
    setTimeout(() => socket.destroy(), 1000);
  });
}
