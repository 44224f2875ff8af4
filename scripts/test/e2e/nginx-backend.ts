// Stands in for the API in nginx.e2e.ts; Node 24 runs it as it is, in a container. It tells what reached it.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const name = process.env.NAME ?? '';
const connections = new WeakMap<object, number>();
let connected = 0;
let posted = 0;
let exported = 0;
let draining = false;

const server = createServer({ keepAliveTimeout: 75_000 }, (request, response) => {
  // What nginx must not let through twice, or at all.
  response.setHeader('X-Request-Id', 'of-the-backend');
  response.setHeader('X-Frame-Options', 'DENY');
  response.setHeader('X-Powered-By', 'test');
  if (draining) response.setHeader('Connection', 'close');
  void answer(request, response);
});

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  let bytes = 0;
  for await (const chunk of request) bytes += (chunk as Buffer).length;
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://backend');
  if (pathname === '/api/genes') {
    response.setHeader('ETag', '"one"');
    response.setHeader('Cache-Control', 'public, no-cache');
    return send(response, 200, { items: Array.from({ length: 200 }, (_, index) => `gene ${index}`) });
  }
  if (pathname === '/api/missing')
    return send(response, 404, { title: 'No such gene' }, 'application/problem+json');
  if (pathname === '/api/unavailable') {
    response.setHeader('Retry-After', '7');
    return send(response, 503, { name }, 'application/problem+json');
  }
  if (pathname === '/api/steer') response.setHeader('X-Accel-Redirect', '/index.html');
  if (pathname === '/api/export') return void exportWithoutEnd(response);
  if (pathname === '/api/post') posted += 1;
  await sleep(Number(searchParams.get('ms') ?? 0));
  send(response, 200, {
    name,
    method: request.method,
    url: request.url,
    headers: request.headers,
    bytes,
    posted,
    exported,
    connection: connections.get(request.socket),
  });
}

function send(response: ServerResponse, status: number, body: object, type = 'application/json'): void {
  response.writeHead(status, { 'Content-Type': type }).end(JSON.stringify(body));
}

/** Writes as fast as it is read. */
function exportWithoutEnd(response: ServerResponse): void {
  const chunk = Buffer.alloc(64 * 1024, 'a,b,c\n');
  response.writeHead(200, { 'Content-Type': 'application/octet-stream' });
  const more = (): void => {
    while (!response.destroyed) {
      exported += chunk.length;
      if (!response.write(chunk)) return void response.once('drain', more);
    }
  };
  more();
}

server.on('connection', (socket) => {
  connected += 1;
  connections.set(socket, connected);
});
// After the switch of protocols nginx passes bytes on; they need not be WebSocket frames.
server.on('upgrade', (request, socket) => {
  const seen = `${request.headers.upgrade} ${request.headers.connection} ${request.headers['x-request-id']}`;
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nX-Seen: ${seen}\r\n\r\n`,
  );
  socket.on('error', () => socket.destroy());
  socket.pipe(socket);
});
// Nothing is lost: new connections are refused, which sends them to the other address; each open one is closed by the answer
// to its next request; and what is idle is closed last, when nobody sends on it any more.
process.on('SIGTERM', () => {
  draining = true;
  // Of net.Server: that of http.Server closes idle connections at once, and nginx may just be sending on one.
  Server.prototype.close.call(server, () => process.exit(0));
  setTimeout(() => server.closeIdleConnections(), 2000);
});
server.listen(8000);
