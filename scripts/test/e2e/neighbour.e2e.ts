import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { mustRun, run } from '../../lib/process/shell.ts';
import { listStack } from '../../lib/stack/containers.ts';
import { TestStack, until } from './harness.ts';
import { npmLikeName, startNpmLike } from './npm-like.ts';

/** Answers everything under the names of others, and keeps what it was sent. */
const IMPOSTOR = `
  const server = require('http').createServer((request, response) => {
    console.log('GOT ' + request.url + ' ' + (request.headers.authorization ?? ''));
    response.end('impostor');
  });
  for (const port of [80, 8000]) require('net').createServer((socket) => server.emit('connection', socket)).listen(port);`;

describe('a hostile neighbour on the shared network, with NET_ADMIN and NET_RAW', {
  timeout: 900_000,
}, () => {
  let stack: TestStack;
  let neighbour = '';
  const failed: string[] = [];
  let asked = 0;
  let watching = true;
  let users: Promise<void>;

  before(async () => {
    stack = await TestStack.create('neighbour');
    neighbour = `${stack.settings.prefix}-neighbour`;
    await stack.mustScript('npm-network', ['create']);
    await stack.mustScript('up');
    await startNpmLike(stack, ['--publish', '127.0.0.1::80']);
    const port = (await mustRun(['docker', 'port', npmLikeName(stack), '80/tcp'], 'see above'))
      .trim()
      .split(':')
      .at(-1);
    await startNeighbour();
    users = watchUsers(`http://127.0.0.1:${port}`);
  });
  after(async () => {
    watching = false;
    await users;
    await stack?.dispose();
  });

  /** Takes each name that one of ours has on any network. */
  async function startNeighbour(): Promise<void> {
    const names = (await listStack(stack.settings)).flatMap((one) => [
      ...Object.values(one.names).flat(),
      ...Object.keys(one.networks).map((network) => `${one.service}.${network}`),
    ]);
    // What the API and the database are called on networks of their own is known to nobody who does not have the engine.
    const known = [...new Set(names)].filter((name) => !/-api-[0-9a-f]{24}/.test(name));
    // The frontend is what users reach by its name, and its own name is refused to strangers at the start: see production.e2e.ts.
    const aliases = known.filter((name) => !name.includes('frontend'));
    await mustRun(
      [
        ...[
          'docker',
          'run',
          '-d',
          '--init',
          '--user',
          '0',
          '--name',
          neighbour,
          '--network',
          stack.settings.network,
        ],
        ...['--cap-add', 'NET_ADMIN', '--cap-add', 'NET_RAW', '--sysctl', 'net.ipv4.ip_forward=1'],
        ...aliases.flatMap((alias) => ['--network-alias', alias]),
        ...['--entrypoint', 'node', `${stack.settings.prefix}-backend:latest`, '-e', IMPOSTOR],
      ],
      'see above',
    );
  }

  /** Pages, searches and sign-ins of users through the proxy, all the while. */
  async function watchUsers(base: string): Promise<void> {
    while (watching) {
      const headers = { authorization: 'Bearer of-a-user' };
      for (const path of ['/', '/api/health', '/api/v1/genes?q=PKD1']) {
        asked += 1;
        const outcome = await fetch(base + path, { headers, signal: AbortSignal.timeout(10_000) }).then(
          async (answer) =>
            `${answer.status} ${(await answer.text()).includes('impostor') ? 'of the impostor' : ''}`.trim(),
          (error: Error) => error.message,
        );
        if (outcome !== '200') failed.push(`${path}: ${outcome}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  async function inNeighbour(code: string): Promise<string> {
    return (
      await run(['docker', 'exec', neighbour, 'node', '--input-type=module', '-e', code], {
        timeoutMs: 60_000,
      })
    ).stdout;
  }

  /** Runs a command of the host in the neighbour's network, with the neighbour's rights there. */
  async function inItsNetwork(...argv: string[]): Promise<void> {
    const pid = (await mustRun(['docker', 'inspect', '-f', '{{.State.Pid}}', neighbour], 'see above')).trim();
    await mustRun(['nsenter', `--net=/proc/${pid}/ns/net`, ...argv], 'see above');
  }

  async function addressOf(service: 'backend' | 'frontend' | 'postgres', network: string): Promise<string> {
    const own = (await listStack(stack.settings)).find(({ name }) => name === stack.name(service));
    return own?.addresses[network] ?? '';
  }

  it('gets no request under any of our names', async () => {
    await new Promise((resolve) => setTimeout(resolve, 5000));
    const { stdout } = await run(['docker', 'logs', neighbour]);
    assert.equal(stdout, '', 'requests came to it');
  });

  it('gets none while the API is away either', async () => {
    watching = false;
    await users;
    await mustRun(['docker', 'stop', stack.name('backend')], 'see above');
    const answer = await stack.nodeOn(
      stack.settings.network,
      `console.log((await fetch('http://${stack.name('frontend')}/api/health')).status)`,
    );
    await mustRun(['docker', 'start', stack.name('backend')], 'see above');
    assert.equal(answer.stdout, '503\n');
    assert.equal((await run(['docker', 'logs', neighbour])).stdout, '');
    await until('the API is back', 120_000, async () => {
      const [backend] = (await listStack(stack.settings)).filter(
        ({ name }) => name === stack.name('backend'),
      );
      return backend?.health === 'healthy';
    });
  });

  it('reaches neither metrics nor database over a route through us', async () => {
    const { prefix, network } = stack.settings;
    const targets: string[] = [];
    for (const service of ['backend', 'frontend'] as const) {
      const via = await addressOf(service, network);
      for (const [target, inside] of [
        ['backend', `${prefix}-internal`],
        ['backend', `${prefix}-api`],
        ['postgres', `${prefix}-internal`],
      ] as const) {
        const address = await addressOf(target, inside);
        await inItsNetwork('ip', 'route', 'replace', `${address}/32`, 'via', via);
        for (const port of [9464, 5432]) targets.push(`${address}:${port} via ${service}`);
        const reached = await inNeighbour(`
          import net from 'node:net';
          const ask = (port) => new Promise((resolve) => {
            const socket = net.connect({ host: '${address}', port, timeout: 2000 });
            socket.on('connect', () => socket.write(port === 5432 ? Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]) : 'GET /metrics HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n'));
            socket.on('data', () => resolve('answered'));
            for (const end of ['error', 'timeout', 'close']) socket.on(end, () => { socket.destroy(); resolve(''); });
          });
          console.log([await ask(9464), await ask(5432)].join(''));`);
        assert.equal(reached, '\n', `${target} on ${inside} through ${service}`);
      }
    }
    assert.equal(targets.length, 12);
  });

  it('is believed nothing that it says of others', async () => {
    const opened = await inNeighbour(`
      import { request } from 'node:http';
      const ask = (headers) => new Promise((resolve) => {
        const asked = request({ host: '${await addressOf('backend', stack.settings.network)}', port: 8000, path: '/ws/genes', headers: {
          connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13', 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
          host: '${stack.name('backend')}', ...headers } });
        asked.on('upgrade', () => resolve(101)); asked.on('response', ({ statusCode }) => resolve(statusCode)); asked.on('error', () => resolve(0));
        asked.end();
      });
      console.log(await ask({}), await ask({ origin: 'https://evil.example', 'x-forwarded-host': 'evil.example' }),
        await ask({ origin: 'https://${stack.name('backend')}' }));
      process.exit();`);
    assert.equal(opened, '101 403 403\n');
    await inNeighbour(`await fetch('http://${await addressOf('backend', stack.settings.network)}:8000/api/v1/meta?forged',
      { headers: { 'x-forwarded-for': '203.0.113.77' } }).catch(() => {})`);
    const forged = `odd-id","msg":"x`;
    await inNeighbour(`for (const host of ['${stack.name('frontend')}', '${await addressOf('backend', stack.settings.network)}:8000'])
      await fetch('http://' + host + '/api/v1/meta', { headers: { 'x-request-id': ${JSON.stringify(forged)} } }).catch(() => {})`);
    const { stdout } = await run(['docker', 'logs', stack.name('backend')]);
    assert.ok(!stdout.includes('odd-id'), 'an id that forges a line was logged');
    assert.ok(!stdout.includes('203.0.113.77'), 'a forged address was logged');
  });

  it('holds up nobody by thousands of connections that say nothing, or little', async () => {
    watching = true;
    failed.length = 0;
    const before = asked;
    users = watchUsers(
      `http://127.0.0.1:${(await mustRun(['docker', 'port', npmLikeName(stack), '80/tcp'], 'see above')).trim().split(':').at(-1)}`,
    );
    const flood = (host: string, port: number) =>
      inNeighbour(`
      import net from 'node:net';
      const sockets = Array.from({ length: 2500 }, (_, index) => {
        const socket = net.connect({ host: '${host}', port: ${port} });
        socket.on('error', () => {});
        // What is not read hides the end behind it.
        socket.resume();
        if (index % 2) socket.on('connect', () => socket.write('GET / HT'));
        return socket;
      });
      await new Promise((resolve) => setTimeout(resolve, 15000));
      console.log(sockets.filter(({ readyState }) => readyState === 'open').length);
      process.exit();`);
    const [open] = await Promise.all([
      flood(await addressOf('backend', stack.settings.network), 8000),
      flood(await addressOf('frontend', stack.settings.network), 80),
    ]);
    assert.ok(Number(open) < 100, `the API still held ${open} connections that said nothing`);
    watching = false;
    await users;
    assert.ok(asked - before > 20, `users asked ${asked - before} times`);
    assert.deepEqual(failed, []);
  });
});
