import { connect } from 'node:net';
import { WebSocket } from 'ws';
import { app } from '../app/contract.ts';
import type { ContainerInfo } from '../docker/containers.ts';
import type { Service } from './stack.ts';

const TIMEOUT_MS = 5000;

/** What a real request found. */
export interface Probe {
  name: string;
  ok: boolean;
  ms: number;
  found: string;
}

/**
 * Asks the page, the API, the WebSocket (all through nginx) and the database of a stack in test mode, side by side.
 * @param containers of the stack, on whose ports it is asked, whatever the settings say by now
 */
export async function probeStack(containers: readonly ContainerInfo[]): Promise<Probe[]> {
  const at = (service: Service) => findAddress(containers, service);
  const site = () => `http://${at('kidney-genetics-frontend-service')}`;
  return Promise.all([
    timed('Frontend', () => get(`${site()}/`)),
    timed('API', () => get(`http://${at('kidney-genetics-backend-service')}/api/health`)),
    timed('Data', () => get(`${site()}/api/v1${app.list}`)),
    timed('WebSocket', () => openWebSocket(`${site().replace('http', 'ws')}${app.webSocket}`)),
    timed('Database', () => askPostgres(at('kidney-genetics-postgres'))),
  ]);
}

/**
 * Where a container's port is published, as seen from this host: 127.0.0.1:8080.
 * @throws Error when none is, as with one that does not run
 */
function findAddress(containers: readonly ContainerInfo[], service: Service): string {
  const container = containers.find((one) => one.service === service);
  const published = container?.ports[0]?.split('->')[0];
  if (!published) throw new Error(`${container?.name ?? service} has no port now`);
  return published.replace(/^0\.0\.0\.0:/, '127.0.0.1:');
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
function askPostgres(address: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const { hostname: host, port } = new URL(`tcp://${address}`);
    const socket = connect({ host, port: Number(port), timeout: TIMEOUT_MS });
    socket.on('connect', () => socket.write(Buffer.from([0, 0, 0, 8, 4, 210, 22, 47])));
    socket.on('data', (data) => {
      socket.destroy();
      const answer = data.toString('latin1', 0, 1);
      if (answer === 'S' || answer === 'N') resolve(`${address} speaks PostgreSQL's protocol`);
      else reject(new Error(`${address} answers, but not as PostgreSQL does`));
    });
    socket.on('timeout', () => socket.destroy(new Error(`${address} does not answer`)));
    socket.on('error', reject);
    socket.on('close', () => reject(new Error(`${address} closed the connection`)));
  });
}
