import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { createServer as createSocketServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { openPipe } from '../process/shell.ts';

/**
 * Lets a program use the engine and not see some containers. Compose replaces a container that it finds; one that it does not
 * find it makes anew, so that both run side by side and the new one is Compose's own in name, labels and settings.
 * @param ids of the containers that are left out of the engine's lists
 * @param work gets the environment for the program
 */
export async function withHidden<T>(
  ids: readonly string[],
  work: (env: Readonly<Record<string, string>>) => Promise<T>,
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'engine-'));
  const [engine, socket] = [join(folder, 'engine.sock'), join(folder, 'docker.sock')];
  const agent = new Agent({ keepAlive: true });
  const bridge = createSocketServer(leadToEngine);
  const server = createServer((asked, answer) => pass({ agent, socketPath: engine }, ids, asked, answer));
  // The engine closes no idle connection, and Compose would take one that is being closed for a failure of the engine.
  server.keepAliveTimeout = 0;
  try {
    await Promise.all([listen(bridge, engine), listen(server, socket)]);
    return await work({ DOCKER_HOST: `unix://${socket}` });
  } finally {
    server.close();
    server.closeAllConnections();
    agent.destroy();
    bridge.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function listen(server: Server, path: string): Promise<void> {
  server.listen(path);
  await once(server, 'listening');
}

/**
 * Leads a connection to the engine wherever this user's Docker context says that it is. Node's HTTP client gets real sockets by
 * this: on a pair of pipes that of Node 20.19 takes whole answers for broken off.
 */
function leadToEngine(socket: Socket): void {
  const { stdin, stdout, ended, kill } = openPipe(['docker', 'system', 'dial-stdio']);
  for (const stream of [socket, stdin]) stream.on('error', () => kill());
  socket.on('close', () => kill());
  void ended.then(() => socket.destroy());
  socket.pipe(stdin);
  stdout.pipe(socket);
}

function pass(
  engine: { agent: Agent; socketPath: string },
  hidden: readonly string[],
  asked: IncomingMessage,
  answer: ServerResponse,
): void {
  const { method = 'GET', url = '/', headers } = asked;
  const onward = request(
    { ...engine, method, path: url, headers: { ...headers, host: 'docker' } },
    async (got) => {
      const { statusCode = 502 } = got;
      const isList = method === 'GET' && /^(\/v[\d.]+)?\/containers\/json\b/.test(url) && statusCode === 200;
      try {
        if (!isList) return await passWhole(got, answer);
        const listed = (JSON.parse(await readAll(got)) as { Id: string }[]).filter(
          ({ Id }) => !hidden.includes(Id),
        );
        answer.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(listed));
      } catch {
        answer.destroy();
      }
    },
  );
  onward.on('error', ({ message }) => {
    if (answer.headersSent) answer.destroy();
    else answer.writeHead(502, { 'content-type': 'application/json' }).end(JSON.stringify({ message }));
  });
  asked.pipe(onward);
}

async function passWhole(got: IncomingMessage, answer: ServerResponse): Promise<void> {
  answer.writeHead(got.statusCode ?? 502, got.headers);
  await pipeline(got, answer);
}

async function readAll(stream: NodeJS.ReadableStream): Promise<string> {
  let text = '';
  for await (const chunk of stream.setEncoding('utf8')) text += String(chunk);
  return text;
}
