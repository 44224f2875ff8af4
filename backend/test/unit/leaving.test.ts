import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import { type TestContext, test } from 'node:test';
import Fastify, { type FastifyInstance } from 'fastify';
import { WebSocket } from 'ws';
import type { Env } from '../../src/env.ts';
import { Neighbours } from '../../src/lib/neighbours.ts';
import { LiveHub } from '../../src/live/hub.ts';
import { lifecycle } from '../../src/plugins/lifecycle.ts';
import { websocketRoutes } from '../../src/routes/websocket.ts';

/** The server's life and its WebSockets, without a database. */
async function startServer(t: TestContext, refuse = false): Promise<{ app: FastifyInstance; port: number }> {
  const app = Fastify({ forceCloseConnections: 'idle', return503OnClosing: false });
  await app.register(lifecycle);
  // As the check of the host does: before anybody knows that this is about a WebSocket.
  if (refuse)
    app.addHook('onRequest', async (_request, reply) => reply.code(421).send({ title: 'not here' }));
  app.decorate(
    'live',
    new LiveHub({
      ...{ version: '1', maxClients: 100, maxClientsPerAddress: 100, log: app.log },
      position: () => 7,
      changesSince: async () => ({ items: [], latest: 7, floor: 0, complete: true }),
    }),
  );
  app.get('/', async () => ({ fine: true }));
  app.patch('/', async () => ({ fine: true }));
  await app.register(websocketRoutes, {
    env: { corsOrigins: [] as readonly string[] } as Env,
    neighbours: new Neighbours(),
  });
  await app.listen({ host: '127.0.0.1', port: 0 });
  t.after(() => app.close());
  return { app, port: (app.server.address() as AddressInfo).port };
}

/** Sends an edit on a connection of its own; gives the answer. */
function askOnce(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    let received = '';
    const socket = connect(port, '127.0.0.1');
    socket.write('PATCH / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
    socket.on('data', (chunk) => {
      received += String(chunk);
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(received));
  });
}

/** Asks to switch to a WebSocket; gives all that comes until the server closes the connection. */
function askForWebSocket(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    let received = '';
    const socket = connect(port, '127.0.0.1');
    socket.write(
      'GET /ws/genes HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
    );
    socket.on('data', (chunk) => {
      received += String(chunk);
    });
    socket.setTimeout(3000, () =>
      socket.destroy(new Error(`the connection was left open after: ${received}`)),
    );
    socket.on('error', reject);
    socket.on('close', () => resolve(received));
  });
}

test('a server that leaves answers everything, each answer as the last on its connection', async (t) => {
  const { app, port } = await startServer(t);
  const before = await fetch(`http://127.0.0.1:${port}/`);
  assert.deepEqual([before.status, before.headers.get('connection')], [200, 'keep-alive']);
  app.lifecycle.leaving = true;
  const after = await fetch(`http://127.0.0.1:${port}/`);
  assert.deepEqual([after.status, after.headers.get('connection')], [200, 'close']);
  assert.deepEqual(await after.json(), { fine: true });
});

test('a server that leaves takes no WebSocket and says nothing, so that nginx asks the next one', async (t) => {
  const { app, port } = await startServer(t);
  app.lifecycle.leaving = true;
  assert.equal(await askForWebSocket(port), '');
});

test('a refused WebSocket closes its connection, on which nobody would read the next request', async (t) => {
  const { port } = await startServer(t, true);
  const received = await askForWebSocket(port);
  assert.match(received, /^HTTP\/1\.1 421 /);
  assert.match(received, /^connection: close\r$/im);
});

test('WebSockets are sent away with 1012 one after the other, and others are still taken', async (t) => {
  const { app, port } = await startServer(t);
  const open = async () => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/ws/genes`);
    const closed = once(socket, 'close').then(([code]) => ({ code: code as number, at: performance.now() }));
    await once(socket, 'message');
    return { socket, closed };
  };
  const sockets = await Promise.all(Array.from({ length: 5 }, open));
  app.live.disperse(500);
  const ends = await Promise.all(sockets.map(({ closed }) => closed));
  assert.deepEqual(
    ends.map(({ code }) => code),
    [1012, 1012, 1012, 1012, 1012],
  );
  const times = ends.map(({ at }) => at).sort((a, b) => a - b);
  assert.ok((times.at(-1) ?? 0) - (times[0] ?? 0) > 200, 'not all in the same instant');
  const { socket } = await open();
  assert.equal(app.live.size, 1);
  socket.terminate();
});

test('whoever has connected before the port closes is answered', async (t) => {
  const { app, port } = await startServer(t);
  const asked = Array.from({ length: 20 }, () => askOnce(port));
  // All of them are in the kernel's queue, and the server has let nobody in yet.
  await new Promise((resolve) => process.nextTick(resolve));
  await app.close();
  for (const answer of await Promise.all(asked)) assert.match(answer, /^HTTP\/1\.1 200 /);
});
