/**
 * Runs in a throwaway container on the network of the proxy, given to Node on its standard input: asks the frontend as
 * other containers there can, and prints what came back as JSON. It imports types alone, for nothing else is there.
 */
import { request } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Answer, HttpFacts, RawOutcome } from '../facts.ts';
import { dialAll } from './dial.ts';

interface Task {
  /** Address of the frontend, and the host name to call it by. */
  address: string;
  host: string;
  /** Path of a list of the API, and the same refused. */
  list: string;
  refusedList: string;
  webSocket: string;
  /** Connections to try, host:port. */
  dial: string[];
  /** Whether to ask for pages, too. */
  pages: boolean;
}

const task = JSON.parse(process.env.TASK ?? '{}') as Task;
const FOREIGN = 'https://foreign.example';
/** Long, for a busy machine: a healthy server answers, or refuses, at once. */
const ANSWER_MS = 10_000;
const SLOW_MS = 16_000;
/** As the contract of an app says: a ping within 15 s (docs/adapting.md). */
const HEARTBEAT_MS = 17_000;
const BUSY_TRIES = 6;
const BUSY_PAUSE_MS = 1000;
const BODY_CHARACTERS = 2000;
const RAW_CHARACTERS = 2000;

function askOnce(
  path: string,
  options: { method?: string; headers?: Record<string, string> } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { method = 'GET', headers = {} } = options;
    const asked = request(
      {
        host: task.address,
        port: 80,
        path,
        method,
        agent: false,
        timeout: ANSWER_MS,
        headers: { host: task.host, ...headers },
      },
      (response) => {
        let body = '';
        response.setEncoding('utf8');
        response.on('data', (text: string) => {
          body = (body + text).slice(0, BODY_CHARACTERS);
        });
        response.on('end', () => {
          const { rawHeaders } = response;
          const pairs = rawHeaders.flatMap((name, at): [string, string][] =>
            at % 2 === 0 ? [[name, rawHeaders[at + 1] ?? '']] : [],
          );
          resolve({ status: response.statusCode ?? 0, headers: pairs, body });
        });
      },
    );
    asked.on('timeout', () => asked.destroy(new Error(`${path} was not answered`)));
    asked.on('error', reject);
    asked.end();
  });
}

const ask = (path: string, options: Parameters<typeof askOnce>[1] = {}) =>
  patiently(
    () => askOnce(path, options),
    ({ status }) => status,
  );

/** A busy backend puts requests off with 503: asked again, a few times. */
async function patiently<T>(work: () => Promise<T>, statusOf: (answer: T) => number | undefined): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    const answer = await work();
    if (statusOf(answer) !== 503 || tries === BUSY_TRIES) return answer;
    await sleep(BUSY_PAUSE_MS);
  }
}

/** Sends bytes as they are and listens until the server closes, or time is up. */
function send(text: string, waitMs = ANSWER_MS): Promise<RawOutcome> {
  return new Promise((resolve) => {
    const since = performance.now();
    let received = '';
    let closed = false;
    const socket = connect({ host: task.address, port: 80 });
    const finish = () => {
      clearTimeout(timer);
      socket.destroy();
      const statuses = [...received.matchAll(/^HTTP\/1\.[01] (\d{3})/gm)].map(([, status]) => Number(status));
      // What a refusal says is looked at elsewhere.
      const body = statuses.includes(200) ? received.slice(0, RAW_CHARACTERS) : '';
      resolve({ statuses, closed, ms: Math.round(performance.now() - since), body });
    };
    const timer = setTimeout(finish, waitMs);
    socket.setEncoding('latin1');
    socket.on('connect', () => socket.write(text, 'latin1'));
    socket.on('data', (data: string) => {
      received += data;
    });
    socket.on('error', () => {
      closed = true;
    });
    socket.on('end', () => {
      closed = true;
    });
    socket.on('close', () => {
      closed = true;
      finish();
    });
  });
}

const HEAD = `Host: ${task.host}\r\n`;
const CLOSE = 'Connection: close\r\n';
const get = (path: string) => `GET ${path} HTTP/1.1\r\n${HEAD}${CLOSE}\r\n`;
const post = (headers: string, body = '') => `POST ${task.list} HTTP/1.1\r\n${HEAD}${headers}\r\n${body}`;
const SMUGGLED = `0\r\n\r\nGET /health HTTP/1.1\r\n${HEAD}\r\n`;
const PATHS = [
  ...['/api../', '/assets../nginx.conf', '/assets/../../../etc/passwd', '/api/../../etc/passwd'],
  ...[
    '/%2e%2e/%2e%2e/etc/passwd',
    '/assets/..%2f..%2fetc/passwd',
    '/api/%2e%2e/%2e%2e/health',
    '/assets/..%5c..%5cetc/passwd',
    '/%00',
  ],
  ...['/.git/config', '/.env', '/.env.production', '/assets/'],
];

/** What is sent as it is, by the name that the checks know it by. */
const RAW: Record<string, string> = {
  ...Object.fromEntries(PATHS.map((path) => [path, get(path)])),
  'length and chunked': post(
    `Content-Length: ${SMUGGLED.length}\r\nTransfer-Encoding: chunked\r\n`,
    SMUGGLED,
  ),
  'two lengths': post('Content-Length: 0\r\nContent-Length: 5\r\n', 'GET /'),
  'unknown encoding': post('Transfer-Encoding: xchunked\r\n', SMUGGLED),
  'encoding with a space': post('Transfer-Encoding : chunked\r\nContent-Length: 5\r\n', SMUGGLED),
  'encoding twice': post('Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n', SMUGGLED),
  h2c: `GET ${task.list} HTTP/1.1\r\n${HEAD}Connection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n\r\n`,
  'long header': `GET / HTTP/1.1\r\n${HEAD}${CLOSE}X-Long: ${'a'.repeat(40_000)}\r\n\r\n`,
  'many headers': `GET / HTTP/1.1\r\n${HEAD}${CLOSE}${Array.from({ length: 500 }, (_, at) => `X-${at}: 1\r\n`).join('')}\r\n`,
  'long address': get(`/?${'a'.repeat(40_000)}`),
  'large body': post(`${CLOSE}Content-Type: application/json\r\nContent-Length: 104857600\r\n`),
  'large chunked body': post(
    `${CLOSE}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n`,
    `${'10000\r\n'.concat('a'.repeat(0x10000), '\r\n').repeat(17)}0\r\n\r\n`,
  ),
  'foreign host': `GET ${task.list} HTTP/1.1\r\nHost: foreign.example\r\n${CLOSE}\r\n`,
  'no host': `GET / HTTP/1.1\r\n${CLOSE}\r\n`,
  'two hosts': `GET / HTTP/1.1\r\n${HEAD}Host: foreign.example\r\n${CLOSE}\r\n`,
  'malformed host': `GET / HTTP/1.1\r\nHost: a/b@c\r\n${CLOSE}\r\n`,
  TRACE: `TRACE / HTTP/1.1\r\n${HEAD}${CLOSE}\r\n`,
  CONNECT: `CONNECT foreign.example:443 HTTP/1.1\r\n${HEAD}${CLOSE}\r\n`,
  'unknown method': `SPY / HTTP/1.1\r\n${HEAD}${CLOSE}\r\n`,
  'PUT on the page': `PUT / HTTP/1.1\r\n${HEAD}${CLOSE}Content-Length: 0\r\n\r\n`,
  'DELETE on the page': `DELETE /index.html HTTP/1.1\r\n${HEAD}${CLOSE}\r\n`,
};

const SLOW: Record<string, string> = {
  'slow header': `GET / HTTP/1.1\r\n${HEAD}X-Slow: `,
  'slow body': post('Content-Type: application/json\r\nContent-Length: 1000\r\n', '{'),
};

/** The opening handshake of RFC 6455; then waits for the first ping, of the protocol or as a message. */
function openWebSocket(
  origin: string,
  waitMs: number,
): Promise<{ status: number; heartbeatMs: number | null }> {
  return new Promise((resolve) => {
    const since = performance.now();
    const asked = request({
      host: task.address,
      port: 80,
      path: task.webSocket,
      agent: false,
      headers: {
        ...{ host: task.host, origin, connection: 'Upgrade', upgrade: 'websocket' },
        ...{ 'sec-websocket-version': '13', 'sec-websocket-key': 'MDEyMzQ1Njc4OWFiY2RlZg==' },
      },
    });
    const finish = (status: number, heartbeatMs: number | null = null) => {
      clearTimeout(timer);
      asked.destroy();
      resolve({ status, heartbeatMs });
    };
    let opened = 0;
    const timer = setTimeout(() => finish(opened), waitMs);
    asked.on('response', ({ statusCode = 0 }) => finish(statusCode));
    asked.on('error', () => finish(0));
    asked.on('upgrade', (_response, socket, head) => {
      opened = 101;
      let received = head;
      socket.on('data', (data: Buffer) => {
        received = Buffer.concat([received, data]);
        if (!holdsPing(received)) return;
        socket.destroy();
        finish(101, Math.round(performance.now() - since));
      });
      socket.on('error', () => finish(101));
      socket.on('close', () => finish(101));
    });
    asked.end();
  });
}

/** A WebSocket of our own origin; one that the backend closes again, as it does right after its start, is opened anew. */
async function waitForPing(waitMs: number): Promise<{ status: number; heartbeatMs: number | null }> {
  const since = performance.now();
  for (;;) {
    const left = since + waitMs - performance.now();
    const outcome = await openWebSocket(`http://${task.host}`, left);
    if (![101, 503].includes(outcome.status) || outcome.heartbeatMs !== null || left < 1000) return outcome;
    await sleep(500);
  }
}

/** Whether a ping frame (RFC 6455, 5.2: opcode 9) is among the frames; a server's are not masked. */
function holdsPing(frames: Buffer): boolean {
  for (let at = 0; at + 2 <= frames.length; ) {
    if (((frames[at] ?? 0) & 0x0f) === 9) return true;
    const short = (frames[at + 1] ?? 0) & 0x7f;
    if (short === 127 || (short === 126 && at + 4 > frames.length)) return false;
    at += short === 126 ? 4 + frames.readUInt16BE(at + 2) : 2 + short;
  }
  return false;
}

async function all<T>(
  values: Record<string, string>,
  work: (value: string) => Promise<T>,
): Promise<Record<string, T>> {
  const pairs = await Promise.all(
    Object.entries(values).map(async ([name, value]) => [name, await work(value)] as const),
  );
  return Object.fromEntries(pairs);
}

async function askPages(): Promise<HttpFacts['answers']> {
  const page = await ask('/');
  const asset = /(?:src|href)="(\/assets\/[^"]+)"/.exec(page.body)?.[1] ?? '/assets/none-named';
  const [assetAnswer, missing, method, api, apiError, health] = await Promise.all([
    ask(asset),
    ask('/missing.txt'),
    ask('/', { method: 'DELETE' }),
    ask(task.list),
    ask(task.refusedList),
    ask('/health'),
  ]);
  return { page, asset: assetAnswer, missing, method, api, apiError, health };
}

async function askEverything(): Promise<HttpFacts> {
  const preflightHeaders = { origin: FOREIGN, 'access-control-request-method': 'POST' };
  const [answers, overTls, foreignOrigin, preflight, health, raw, slow, foreign, own] = await Promise.all([
    askPages(),
    ask('/', { headers: { 'x-forwarded-proto': 'https' } }),
    ask(task.list, { headers: { origin: FOREIGN } }),
    ask(task.list, { method: 'OPTIONS', headers: preflightHeaders }),
    ask('/api/health'),
    all(RAW, (text) =>
      patiently(
        () => send(text),
        ({ statuses }) => statuses[0],
      ),
    ),
    all(SLOW, (text) => send(text, SLOW_MS)),
    patiently(
      () => openWebSocket(FOREIGN, ANSWER_MS),
      ({ status }) => status,
    ),
    waitForPing(HEARTBEAT_MS),
  ]);
  return {
    ...{ answers, overTls, foreignOrigin, preflight },
    raw: { ...raw, ...slow },
    webSocket: { foreign: foreign.status, own: own.status, heartbeatMs: own.heartbeatMs },
    revision: /"revision":"([^"]*)"/.exec(health.body)?.[1] ?? '',
  };
}

const dialed = dialAll(task.dial);
const http = task.pages ? await askEverything().catch((error: Error) => error.message) : null;
process.stdout.write(JSON.stringify({ http, dialed: await dialed }));
process.exit(0);
