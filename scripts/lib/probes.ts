import { connect } from 'node:net';
import { WebSocket } from 'ws';
import type { StackSettings } from './model/stack.ts';

const TIMEOUT_MS = 5000;

/** What a real request found. */
export interface Probe {
  name: string;
  ok: boolean;
  ms: number;
  found: string;
}

/** Asks the page, the API, the WebSocket (all through nginx) and the database of a stack in test mode, side by side. */
export async function probeStack(settings: StackSettings): Promise<Probe[]> {
  const host = settings.bind === '0.0.0.0' ? '127.0.0.1' : settings.bind;
  const site = `http://${host}:${settings.ports.frontend}`;
  const api = `http://${host}:${settings.ports.backend}`;
  return Promise.all([
    timed('Frontend', () => get(`${site}/`)),
    timed('API', () => get(`${api}/api/health`)),
    timed('Genes', () => get(`${site}/api/v1/genes`)),
    timed('WebSocket', () => openWebSocket(`${site.replace('http', 'ws')}/ws/genes`)),
    timed('Database', () => askPostgres(host, settings.ports.postgres)),
  ]);
}

async function timed(name: string, ask: () => Promise<string>): Promise<Probe> {
  const startedAt = performance.now();
  try {
    const found = await ask();
    return { name, ok: true, ms: performance.now() - startedAt, found };
  } catch (error) {
    return { name, ok: false, ms: performance.now() - startedAt, found: (error as Error).message };
  }
}

async function get(url: string): Promise<string> {
  const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) });
  const { length } = await response.text();
  if (!response.ok) throw new Error(`${url} answers ${response.status}`);
  return `${url} answers ${response.status} with ${length} characters`;
}

function openWebSocket(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, { handshakeTimeout: TIMEOUT_MS });
    socket.on('open', () => {
      socket.terminate();
      resolve(`${url} is open`);
    });
    socket.on('unexpected-response', (asked, { statusCode }) => {
      asked.destroy();
      reject(new Error(`${url} answers ${statusCode} instead of switching to a WebSocket`));
    });
    socket.on('error', reject);
  });
}

/** SSLRequest of PostgreSQL's protocol (https://www.postgresql.org/docs/17/protocol-message-formats.html): S or N comes back. */
function askPostgres(host: string, port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, timeout: TIMEOUT_MS });
    socket.on('connect', () => socket.write(Buffer.from([0, 0, 0, 8, 4, 210, 22, 47])));
    socket.on('data', (data) => {
      socket.destroy();
      const answer = data.toString('latin1', 0, 1);
      if (answer === 'S' || answer === 'N') resolve(`${host}:${port} speaks PostgreSQL's protocol`);
      else reject(new Error(`${host}:${port} answers, but not as PostgreSQL does`));
    });
    socket.on('timeout', () => socket.destroy(new Error(`${host}:${port} does not answer`)));
    socket.on('error', reject);
    socket.on('close', () => reject(new Error(`${host}:${port} closed the connection`)));
  });
}
