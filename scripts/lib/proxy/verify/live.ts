import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from 'node:tls';
import { WebSocket } from 'ws';
import { app } from '../../app/contract.ts';
import { formatDuration } from '../../terminal/report.ts';
import { type Finding, fail, ok, skip } from '../../verify/check.ts';
import type { Context, ProxyCheck } from './check.ts';
import type { Site } from './site.ts';

const HANDSHAKE_MS = 10_000;
const HANDSHAKES = 8;
/** As many as a browser would open at the most, and far fewer than our own nginx allows. */
const BURST_CONNECTIONS = 16;
/** More than the limit of `make npm-proxy-host` lets pass in the time that they take. */
const BURST_REQUESTS = 800;
const WEBSOCKET_ON = 'make npm-proxy-host DOMAIN=... (it turns WebSocket support on)';

/**
 * Opens the WebSocket; tries again, as the page does, while the API is busy or the rate limit used up.
 * @throws Error with the status when the handshake is refused
 */
async function open(site: Site, origin: string): Promise<WebSocket> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await openOnce(site, origin);
    } catch (error) {
      if (tries === HANDSHAKES || !/\b(429|503)\b/.test((error as Error).message)) throw error;
      await sleep(1000);
    }
  }
}

async function openOnce(site: Site, origin: string): Promise<WebSocket> {
  const { domain } = site.place;
  const socket = new WebSocket(`wss://${domain}${app.webSocket}`, {
    origin,
    handshakeTimeout: HANDSHAKE_MS,
    createConnection: () => connect({ ...site.tlsOptions(), ALPNProtocols: ['http/1.1'] }),
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('open', () => resolve());
    socket.once('error', reject);
  });
  return socket;
}

/** As a browser sends it: with the port where it is not the scheme's own. */
function ownOrigin({ place }: Site): string {
  return new URL(`https://${place.domain}:${place.port}`).origin;
}

async function checkOpen({ site }: Context): Promise<Finding> {
  const startedAt = Date.now();
  const socket = await open(site, ownOrigin(site));
  socket.close();
  return ok(`open in ${formatDuration(Date.now() - startedAt)}`);
}

async function checkOrigin({ site }: Context): Promise<Finding> {
  try {
    (await open(site, 'https://evil.example')).close();
    return fail('a page of evil.example may open it');
  } catch (error) {
    const { message } = error as Error;
    const [status] = /\b40[03]\b/.exec(message) ?? [];
    return status ? ok(`refused (${status})`) : fail(`not refused by the API: ${message}`);
  }
}

async function checkLong({ site, webSocketSeconds }: Context): Promise<Finding> {
  if (webSocketSeconds === 0)
    return skip('--quick: not tried for longer than NPM’s 90 s; run it without, once');
  const socket = await open(site, ownOrigin(site));
  let beats = 0;
  socket.on('message', (data) => {
    if (String(data).includes('"ping"')) beats += 1;
  });
  const startedAt = Date.now();
  const aborted = new AbortController();
  const closed = once(socket, 'close', { signal: aborted.signal }).then(([code]) => Number(code));
  const code = await Promise.race([closed, sleep(webSocketSeconds * 1000)]);
  aborted.abort();
  closed.catch(() => undefined);
  socket.terminate();
  const lasted = `${Math.round((Date.now() - startedAt) / 1000)} s`;
  if (code !== undefined) return fail(`closed after ${lasted} (code ${code}), ${beats} heartbeats`);
  return beats > 0
    ? ok(`open for ${lasted}, ${beats} heartbeats`)
    : fail(`open for ${lasted}, and no heartbeat came`);
}

async function checkLimit({ site }: Context): Promise<Finding> {
  const startedAt = Date.now();
  let sent = 0;
  let refused: number | undefined;
  const work = async () => {
    while (refused === undefined && sent < BURST_REQUESTS) {
      sent += 1;
      const { status } = await site.askOnce('/health');
      // An operator's own limit_req_status may be nginx's default.
      if (status === 429 || status === 503) refused ??= sent;
      else if (status !== 200) throw new Error(`/health answers ${status} after ${sent} requests`);
    }
  };
  await Promise.all(Array.from({ length: BURST_CONNECTIONS }, work));
  const took = formatDuration(Date.now() - startedAt);
  if (refused === undefined) return fail(`${sent} requests in ${took}, none refused`);
  return ok(`refused after ${refused} requests in ${took}`);
}

/** What stays open. */
export const LIVE: readonly ProxyCheck[] = [
  {
    id: 'websocket',
    family: 'live',
    title: 'The WebSocket opens',
    source: 'RFC 6455, section 4',
    fix: WEBSOCKET_ON,
    run: checkOpen,
  },
  {
    id: 'websocket-origin',
    family: 'live',
    title: 'A foreign page cannot open it',
    source: 'OWASP WebSocket Security Cheat Sheet',
    fix: 'BACKEND_CORS_ORIGINS=[] in .env.production, then: make prod-up',
    run: checkOrigin,
  },
  {
    id: 'websocket-long',
    family: 'live',
    title: 'The WebSocket outlives NPM’s read timeout',
    source: 'NPM: proxy_read_timeout 90s',
    fix: 'remove proxy_read_timeout from the host’s advanced configuration in NPM',
    run: checkLong,
  },
];

/** What would disturb everything else. */
export const LAST: readonly ProxyCheck[] = [
  {
    id: 'rate-limit',
    family: 'limit',
    title: 'Too many requests are answered 429',
    source: 'OWASP API Security Top 10: API4',
    fix: 'make npm-proxy-host DOMAIN=... (it sets the limit, and says what NPM’s nginx is missing)',
    run: checkLimit,
  },
];
