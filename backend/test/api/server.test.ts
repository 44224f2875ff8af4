import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, get } from 'node:http';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { makeToken, secretKey, until } from '../support/api.ts';
import { LiveSocket } from '../support/live.ts';
import { createDatabase, superuserSql } from '../support/postgres.ts';

interface RunResult {
  exitCode: number | null;
  stdout: string;
  stderr: string;
}

interface Started {
  /** Once its output has been read to the end. */
  ended: Promise<RunResult>;
  kill(signal: NodeJS.Signals): boolean;
}

function start(env: Record<string, string>): Started {
  const child: ChildProcess = spawn(process.execPath, [script], { env: { ...process.env, ...env } });
  const said = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const)
    child[name]?.setEncoding('utf8').on('data', (text: string) => {
      said[name] += text;
    });
  const ended = once(child, 'close').then(([exitCode]) => ({ exitCode: exitCode as number | null, ...said }));
  return { ended, kill: (signal) => child.kill(signal) };
}

const script = fileURLToPath(new URL('../../dist/server.js', import.meta.url));

describe('the built server', () => {
  let databaseUrl: string;
  const running = new Set<Started>();
  before(async () => {
    databaseUrl = await createDatabase('built');
  });
  after(() => Promise.all([...running].map((server) => server.kill('SIGKILL'))));

  async function startServer(
    overrides: Record<string, string> = {},
  ): Promise<{ server: Started; url: string }> {
    const port = await freePort();
    const env = {
      ...{ PORT: String(port), HOST: '127.0.0.1', METRICS_PORT: '0', LOG_LEVEL: 'info' },
      ...{ DATABASE_URL: databaseUrl, SECRET_KEY: secretKey, ...overrides },
    };
    const server = start(env);
    running.add(server);
    server.ended.finally(() => running.delete(server));
    return { server, url: `http://127.0.0.1:${port}` };
  }

  async function startReady(): Promise<{ server: Started; url: string }> {
    const started = await startServer();
    await until('ready', async () => (await fetch(`${started.url}/api/health`)).status === 200);
    return started;
  }

  async function endWithin(server: Started, limitMs: number): Promise<RunResult> {
    const begun = Date.now();
    server.kill('SIGTERM');
    const result = await server.ended;
    assert.ok(Date.now() - begun < limitMs, `it took ${Date.now() - begun} ms`);
    return result;
  }

  it('ends within 5 s of SIGTERM with code 0, the open request finished, the WebSockets sent away', async () => {
    const { server, url } = await startReady();
    await until('live', () =>
      LiveSocket.open(url)
        .then((client) => client.close())
        .then(() => true),
    );
    const client = await LiveSocket.open(url);
    const download = await openDownload(`${url}/api/v1/genes/export?format=json`);
    const ending = endWithin(server, 5000);
    assert.deepEqual(await client.closed, { code: 1012, reason: 'service restart' });
    assert.ok((JSON.parse(await download()) as unknown[]).length >= 60);
    const { exitCode, stdout, stderr } = await ending;
    assert.equal(exitCode, 0, stderr);
    const messages = stdout
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { msg: string }).msg);
    assert.equal(messages.at(-1), 'ended');
    assert.ok(messages.includes('ready') && messages.includes('ending: open requests are finished first'));
    await assert.rejects(fetch(`${url}/api/health/live`));
  });

  it('says how it is as quickly while a hundred sockets of one address resume as fast as they may', async () => {
    const { server, url } = await startReady();
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${await makeToken()}` };
    for (let edit = 0; edit < 60; edit += 1)
      await fetch(`${url}/api/v1/genes/GLA`, {
        method: 'PATCH',
        headers,
        body: JSON.stringify({ name: `edit ${edit}` }),
      });
    const { latestSeq } = (await (await fetch(`${url}/api/v1/meta`)).json()) as { latestSeq: number };
    const crowd = new Worker(crowdCode, {
      eval: true,
      workerData: { url: url.replace('http', 'ws'), latestSeq },
    });
    await once(crowd, 'message');
    // By turns, so that what else the machine does slows both alike.
    const times = { quiet: [] as number[], resuming: [] as number[] };
    for (let round = 0; round < 8; round += 1) {
      const kind = round % 2 === 0 ? 'quiet' : 'resuming';
      crowd.postMessage(kind);
      times[kind].push(...(await timeHealth(url, 1100)));
    }
    await crowd.terminate();
    await endWithin(server, 5000);
    for (const part of [0.5, 0.9]) {
      const [quiet, resuming] = [percentile(times.quiet, part), percentile(times.resuming, part)];
      assert.ok(resuming < quiet + 50, `${part}: ${resuming} ms beside ${quiet} ms`);
    }
  });

  it('ends in time although a client will not read its answer', async () => {
    const { server, url } = await startReady();
    await openDownload(`${url}/api/v1/genes/export?format=json`);
    const connection = await new Promise<NodeJS.EventEmitter>((resolve) => {
      // Sends half a request, and never the rest.
      const request = get(url, { agent: false, method: 'PATCH', headers: { 'content-length': '100' } });
      request.on('error', () => {});
      request.on('socket', (socket) => socket.once('connect', () => resolve(socket)));
      request.write('{');
    });
    connection.on('error', () => {});
    assert.equal((await endWithin(server, 5000)).exitCode, 0);
  });

  it('ends at once while it still waits for the database', async () => {
    const { server, url } = await startServer({
      DATABASE_URL: 'postgresql://user:hunter2hunter2@127.0.0.1:1/x',
    });
    await until('listening', async () => (await fetch(`${url}/api/health`)).status === 503);
    const { exitCode, stdout, stderr } = await endWithin(server, 5000);
    assert.equal(exitCode, 0);
    assert.match(stdout, /waiting for the database: the database refuses connections/);
    assert.doesNotMatch(stdout + stderr, /hunter2/);
  });

  it('refuses to start with a bad environment, and names all that is wrong', async () => {
    const { server } = await startServer({ SECRET_KEY: 'short', ALLOWED_HOSTS: 'https://x' });
    const { exitCode, stderr } = await server.ended;
    assert.equal(exitCode, 1);
    assert.match(stderr, /2 problem\(s\):\n {2}- SECRET_KEY: .*\n {2}- ALLOWED_HOSTS: /);
  });

  it('does not start on a schema that was edited behind its back', async () => {
    const database = await createDatabase('built_edited');
    const first = await startServer({ DATABASE_URL: database });
    await until('ready', async () => (await fetch(`${first.url}/api/health`)).status === 200);
    await endWithin(first.server, 5000);
    await superuserSql(
      'built_edited',
      `update schema_migrations set checksum = 'other' where name like '001%'`,
    );
    const { exitCode, stdout } = await (await startServer({ DATABASE_URL: database })).server.ended;
    assert.equal(exitCode, 1);
    assert.match(stdout, /001_genes\.sql was edited after it ran/);
  });
});

/** A hundred sockets in a thread of their own; each says every 520 ms what it knows, while that is wanted. */
const crowdCode = `
  const { parentPort, workerData: { url, latestSeq } } = require('node:worker_threads');
  const WebSocket = require('ws');
  const sockets = Array.from({ length: 100 }, () => new WebSocket(url + '/ws/genes'));
  let wanted = 'quiet';
  parentPort.on('message', (kind) => { wanted = kind; });
  const opened = sockets.map((socket) => new Promise((resolve) => socket.on('message', resolve)));
  Promise.all(opened).then(() => {
    for (const [index, socket] of sockets.entries())
      setInterval(() => {
        const since = latestSeq - 1 - (index % 199);
        if (wanted === 'resuming') socket.send(JSON.stringify({ type: 'resume', since }));
      }, 520);
    parentPort.postMessage('open');
  });`;

/** How long answers of /api/health take, in ms, one after the other for a time. */
async function timeHealth(url: string, forMs: number): Promise<number[]> {
  const times: number[] = [];
  for (const end = Date.now() + forMs; Date.now() < end; await sleep(5)) {
    const begun = performance.now();
    assert.equal((await fetch(`${url}/api/health`)).status, 200);
    times.push(performance.now() - begun);
  }
  return times;
}

function percentile(values: readonly number[], part: number): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length * part)] ?? Number.NaN;
}

/** Begins a download; the function reads it to its end. */
function openDownload(url: string): Promise<() => Promise<string>> {
  return new Promise((resolve, reject) => {
    get(url, { agent: false }, (response) => {
      response.on('error', () => {});
      resolve(async () => {
        const chunks: Buffer[] = [];
        for await (const chunk of response) chunks.push(chunk as Buffer);
        return Buffer.concat(chunks).toString();
      });
    }).on('error', reject);
  });
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const address = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  return typeof address === 'object' && address ? address.port : 0;
}
