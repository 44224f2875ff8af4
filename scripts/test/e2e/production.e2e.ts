import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { sandboxArgv } from '../../lib/docker/sandbox-argv.ts';
import { mustRun, run } from '../../lib/process/shell.ts';
import { listStack } from '../../lib/stack/containers.ts';
import { TestStack, until } from './harness.ts';

/** Nobody listens there. */
const PROXY = 'http://127.0.0.1:9';
const SERVICES = ['postgres', 'backend', 'frontend'] as const;

describe('production mode', { timeout: 900_000 }, () => {
  let stack: TestStack;

  before(async () => {
    stack = await TestStack.create('prod');
    // As on a host whose way out is a proxy: the Docker client would give it to every container.
    const [httpProxy, noProxy] = [PROXY, 'example.org'];
    const proxies = { default: { httpProxy, httpsProxy: PROXY, ftpProxy: PROXY, allProxy: PROXY, noProxy } };
    writeFileSync(join(stack.tmp, 'config.json'), JSON.stringify({ proxies }));
    stack.env.DOCKER_CONFIG = stack.tmp;
    await stack.mustScript('npm-network', ['create']);
    await stack.mustScript('up');
  });
  after(() => stack?.dispose());

  it('is healthy, says so, and publishes no port', async () => {
    const health = JSON.parse(await stack.mustScript('health', ['--json'])) as {
      containers: { name: string; health: string; ports: string[] }[];
    };
    assert.deepEqual(
      health.containers.map(({ name, health, ports }) => [name, health, ports]),
      ['backend', 'frontend', 'postgres'].map((name) => [`${stack.settings.prefix}-${name}`, 'healthy', []]),
    );
  });

  it('gives no container the proxies of the Docker client', async () => {
    const image = `${stack.settings.prefix}-backend:latest`;
    const withConfig = { env: { DOCKER_CONFIG: stack.tmp } };
    const bare = await run(
      ['docker', 'run', '--rm', image, 'node', '-p', 'process.env.http_proxy'],
      withConfig,
    );
    assert.equal(bare.stdout, `${PROXY}\n`, 'this client does give them');
    const show = ['node', '-p', 'JSON.stringify(process.env)'];
    const sandboxed = await mustRun(
      ['docker', 'run', '--rm', ...sandboxArgv(), image, ...show],
      'x',
      withConfig,
    );
    const services = SERVICES.map((service) =>
      mustRun(['docker', 'inspect', stack.name(service)], 'see above'),
    );
    for (const text of [sandboxed, ...(await Promise.all(services))]) assert.ok(!text.includes(PROXY), text);
  });

  it('changes nothing when it is up already', async () => {
    const before = (await listStack(stack.settings)).map(({ id }) => id);
    assert.match(await stack.mustScript('up'), /Already up and unchanged/);
    assert.deepEqual(
      (await listStack(stack.settings)).map(({ id }) => id),
      before,
    );
  });

  it('answers page, health, API and WebSocket from the proxy’s network', async () => {
    const { stdout, stderr } = await stack.nodeOn(
      stack.settings.network,
      `const base = 'http://${stack.name('frontend')}';
       const page = await fetch(base + '/');
       console.log(page.status, (await page.text()).includes('<div id="app"'));
       console.log((await (await fetch(base + '/health')).text()).trim());
       console.log((await fetch(base + '/api/health')).status);
       console.log((await (await fetch(base + '/api/v1/genes?q=PKD1')).json()).items[0].symbol);
       const socket = new WebSocket('ws://${stack.name('frontend')}/ws/genes');
       socket.onmessage = ({ data }) => { console.log(JSON.parse(data).type); socket.close(); };
       socket.onerror = (event) => console.log('socket error', event.message);`,
    );
    assert.equal(stdout, '200 true\nhealthy\n200\nPKD1\nhello\n', stderr);
  });

  it('keeps the database off the proxy’s network and off the host’s ports, and gives it no way out', async () => {
    const inspected = await mustRun(['docker', 'inspect', stack.name('postgres')], 'see above');
    const [{ NetworkSettings }] = JSON.parse(inspected) as [
      { NetworkSettings: { Networks: Record<string, { IPAddress: string }> } },
    ];
    const networks = Object.entries(NetworkSettings.Networks);
    assert.deepEqual(
      networks.map(([name]) => name),
      [`${stack.settings.prefix}-internal`],
    );
    const address = networks[0]?.[1].IPAddress ?? '';
    for (const host of ['kidney-genetics-postgres', stack.name('postgres'), address]) {
      const { stdout } = await stack.nodeOn(stack.settings.network, askForPostgres(host));
      assert.equal(stdout, 'nobody\n', `${host} from the proxy’s network`);
    }
    const onHost = [process.execPath, '--input-type=module', '-e', askForPostgres(address)];
    assert.equal(await mustRun(onHost, 'see above'), 'nobody\n', 'the host itself reaches the database');
    const own = await stack.nodeOn(`${stack.settings.prefix}-internal`, askForPostgres(address));
    assert.equal(own.stdout, 'PostgreSQL\n', 'the backend’s own network does');
    assert.deepEqual((await stack.container('postgres')).ports, [], 'no way in from outside the host');
    // A default route has destination 00000000 (proc(5), /proc/net/route).
    const routes = await mustRun(
      ['docker', 'exec', stack.name('postgres'), 'cat', '/proc/net/route'],
      'see above',
    );
    assert.doesNotMatch(routes, /^\S+\s+00000000\s/m);
  });

  it('never mixes its requests with those of another app that calls its services backend and frontend', async () => {
    const other = `${stack.settings.prefix}-other`;
    const serve = `import http from 'node:http';
      for (const port of [80, 8000]) http.createServer((_, answer) => answer.end('the other app')).listen(port);`;
    const argv = ['docker', 'run', '-d', '--name', other, '--network', stack.settings.network];
    const aliases = ['--network-alias', 'backend', '--network-alias', 'frontend'];
    await mustRun(
      [
        ...argv,
        ...aliases,
        `${stack.settings.prefix}-backend:latest`,
        'node',
        '--input-type=module',
        '-e',
        serve,
      ],
      'see above',
    );
    const { stdout, stderr } = await stack.nodeOn(
      stack.settings.network,
      `let ours = 0, theirs = 0, wait = 20;
       while (wait-- && !(await fetch('http://frontend/').catch(() => null))) await new Promise((r) => setTimeout(r, 250));
       for (let i = 0; i < 100; i++) {
         const api = await (await fetch('http://${stack.name('frontend')}/api/health')).text();
         if (!api.includes('other app')) ours++;
         const answers = await Promise.all(['http://frontend/', 'http://backend:8000/'].map(async (url) => (await fetch(url)).text()));
         if (answers.every((text) => text === 'the other app')) theirs++;
       }
       console.log(ours, theirs);`,
    );
    await run(['docker', 'rm', '-f', '-v', other]);
    assert.equal(stdout, '100 100\n', stderr);
  });

  it('lets no container write outside its tmpfs and volume', async () => {
    const attempts: [(typeof SERVICES)[number], string[]][] = [
      ['frontend', ['touch', '/usr/share/nginx/html/x']],
      ['frontend', ['touch', '/etc/nginx/x']],
      ['postgres', ['touch', '/etc/postgresql/x']],
      ['backend', ['node', '-e', "require('fs').writeFileSync('/app/x', '')"]],
    ];
    for (const [service, argv] of attempts) {
      const { exitCode, stderr } = await run(['docker', 'exec', stack.name(service), ...argv]);
      assert.notEqual(exitCode, 0, `${service}: ${argv.join(' ')}`);
      assert.match(stderr, /[Rr]ead-only file system/);
    }
  });

  it('gives the app’s role no power over the server, and lets the superuser in over the socket alone', async () => {
    assert.equal(
      await stack.sql(
        `SELECT rolsuper, rolcreaterole, rolcreatedb FROM pg_roles WHERE rolname = 'kidney_user'`,
      ),
      'f|f|f',
    );
    assert.equal(await stack.sql('SHOW data_checksums'), 'on');
    assert.equal(
      await stack.sql(`SELECT count(*) FROM pg_authid WHERE rolname = 'postgres' AND rolpassword IS NULL`),
      '1',
    );
    assert.equal(await stack.sql(`SELECT count(*) FROM pg_hba_file_rules WHERE auth_method = 'trust'`), '0');
  });

  it('shows no secret in docker inspect, history or logs', async () => {
    const env = readFileSync(stack.settings.envFile, 'utf8');
    const values = [...env.matchAll(/^(?:POSTGRES_PASSWORD|SECRET_KEY)=(.+)$/gm)].map(
      ([, value]) => value ?? '',
    );
    assert.equal(values.length, 2);
    for (const service of SERVICES) {
      const texts = await Promise.all([
        run(['docker', 'inspect', stack.name(service)]),
        run(['docker', 'history', '--no-trunc', `${stack.settings.prefix}-${service}:latest`]),
        run(['docker', 'logs', stack.name(service)]),
        run(['docker', 'top', stack.name(service)]),
      ]);
      const all = texts.map(({ stdout, stderr }) => stdout + stderr).join('\n');
      for (const value of values) assert.ok(!all.includes(value), `${service} shows a secret`);
    }
  });

  it('finds a backend at a new address without a restart of nginx', async () => {
    const nginx = await stack.container('frontend');
    const squatter = `${stack.settings.prefix}-squatter`;
    await run(['docker', 'rm', '-f', '-v', stack.name('backend')]);
    // Takes the address that the backend had on nginx's way to it, so that the new one gets another.
    const image = `${stack.settings.prefix}-backend:latest`;
    const idle = ['node', '-e', 'setInterval(() => {}, 1e6)'];
    await mustRun(
      [
        'docker',
        'run',
        '-d',
        '--name',
        squatter,
        '--network',
        `${stack.settings.prefix}-api`,
        image,
        ...idle,
      ],
      'x',
    );
    await stack.mustScript('up');
    await until('the API through nginx', 5000, async () => {
      const code = `process.exit((await fetch('http://${stack.name('frontend')}/api/health')).ok ? 0 : 1)`;
      return (await stack.nodeOn(stack.settings.network, code)).exitCode === 0;
    });
    assert.equal((await stack.container('frontend')).startedAt, nginx.startedAt);
    await run(['docker', 'rm', '-f', '-v', squatter]);
  });

  it('has an API that waits for its database: not healthy before, never restarted, and said once', async () => {
    const backend = stack.name('backend');
    await mustRun(['docker', 'stop', backend, stack.name('postgres')], 'see above');
    const since = new Date().toISOString();
    await mustRun(['docker', 'start', backend], 'see above');
    const readWaits = async () => {
      const { stdout } = await run(['docker', 'logs', '--since', since, backend]);
      return [...stdout.matchAll(/"msg":"waiting for the database: ([^"]+)"/g)].map(([, reason]) => reason);
    };
    await until('the API says that it waits', 60_000, async () => (await readWaits()).length > 0);
    const { startedAt, health } = await stack.container('backend');
    assert.notEqual(health, 'healthy');
    await mustRun(['docker', 'start', stack.name('postgres')], 'see above');
    await stack.untilHealthy();
    const waited = await stack.container('backend');
    assert.deepEqual([waited.startedAt, waited.restarts], [startedAt, 0]);
    const waits = await readWaits();
    assert.equal(new Set(waits).size, waits.length, waits.join(', '));
  });

  it('keeps its data over a second boot and over a new database image', async () => {
    await stack.sql(
      `CREATE TABLE kept (word text); ALTER TABLE kept OWNER TO kidney_user; INSERT INTO kept VALUES ('still here')`,
    );
    assert.match(await stack.mustScript('down'), /data kept in the volume \S+-prod-postgres-data/);
    await stack.mustScript('up');
    assert.equal(await stack.sql('SELECT word FROM kept'), 'still here');
    const image = `${stack.settings.prefix}-postgres:latest`;
    await mustRun(['docker', 'build', '-t', image, '--label', 'changed=yes', '-'], 'see above', {
      input: `FROM ${image}\nENV CHANGED=yes\n`,
    });
    const before = await stack.container('postgres');
    await stack.mustScript('update', ['--no-build', '--with-database']);
    assert.notEqual((await stack.container('postgres')).imageId, before.imageId);
    assert.equal(await stack.sql('SELECT word FROM kept'), 'still here');
  });

  it('recreates the backend alone when its secret changed', async () => {
    const before = await listStack(stack.settings);
    stack.setEnv('SECRET_KEY', 'n'.repeat(43));
    await stack.mustScript('up');
    const now = await listStack(stack.settings);
    const replaced = now.filter(({ id }) => !before.some((one) => one.id === id)).map(({ name }) => name);
    assert.deepEqual(replaced, [stack.name('backend')]);
  });

  it('restarts on command and stays healthy', async () => {
    const before = await stack.container('backend');
    assert.match(await stack.mustScript('restart'), /Restarted, all healthy/);
    assert.notEqual((await stack.container('backend')).startedAt, before.startedAt);
  });

  it('drains the backend on SIGTERM and exits 0 within 5 s', async () => {
    const startedAt = Date.now();
    await mustRun(['docker', 'stop', '-t', '10', stack.name('backend')], 'see above');
    assert.ok(Date.now() - startedAt < 6000, 'stopped within 5 s');
    assert.equal((await stack.container('backend')).exitCode, 0);
  });

  it('is not called healthy with a container that stopped, and comes back by the command that is named', async () => {
    const health = await stack.script('health');
    assert.equal(health.exitCode, 1);
    // The engine still has its last probe, which was good.
    assert.match(health.stdout, /-backend +exited +- /);
    assert.match(health.stderr, /Not everything is healthy\n.*make prod-up\n/);
    assert.match(await stack.mustScript('up'), /All healthy/);
  });
});

/**
 * A program that says whether a PostgreSQL server answers at an address: an SSLRequest gets one byte, S or N (manual, 53.2.9).
 * A connection alone proves nothing: a transparent proxy on the way out accepts every one.
 */
function askForPostgres(host: string): string {
  return `import net from 'node:net';
    const socket = net.connect({ host: '${host}', port: 5432, timeout: 3000 });
    let answer = 'nobody';
    socket.on('connect', () => socket.write(Buffer.from([0, 0, 0, 8, 4, 210, 22, 47])));
    socket.on('data', (chunk) => { if (/^[SN]$/.test(chunk)) answer = 'PostgreSQL'; socket.destroy(); });
    socket.on('timeout', () => socket.destroy());
    socket.on('error', () => {});
    socket.on('close', () => console.log(answer));`;
}
