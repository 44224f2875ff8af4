import { mkdtempSync, rmSync } from 'node:fs';
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Duplex } from 'node:stream';
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
  const socket = join(folder, 'docker.sock');
  const agent = new EngineAgent({ keepAlive: true });
  const server = createServer((asked, answer) => pass(agent, ids, asked, answer));
  // The engine closes no idle connection, and Compose would take one that is being closed for a failure of the engine.
  server.keepAliveTimeout = 0;
  try {
    await new Promise<void>((resolve, reject) => server.on('error', reject).listen(socket, resolve));
    return await work({ DOCKER_HOST: `unix://${socket}` });
  } finally {
    server.close();
    server.closeAllConnections();
    agent.destroy();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What Node's agent asks of a socket that it keeps; a pipe is kept as it is. */
const SOCKET_LIKE = { timeout: 0, ref() {}, unref() {}, setKeepAlive() {}, setTimeout() {} };

/** Reaches the engine wherever this user's Docker context says that it is. */
class EngineAgent extends Agent {
  override createConnection(): Duplex {
    const { stdin, stdout, ended, kill } = openPipe(['docker', 'system', 'dial-stdio']);
    const connection = Object.assign(Duplex.from({ writable: stdin, readable: stdout }), SOCKET_LIKE);
    connection.on('close', () => kill());
    void ended.then(() => connection.destroy());
    return connection;
  }
}

function pass(agent: Agent, hidden: readonly string[], asked: IncomingMessage, answer: ServerResponse): void {
  const { method = 'GET', url = '/', headers } = asked;
  const onward = request({ agent, method, path: url, headers: { ...headers, host: 'docker' } }, (got) => {
    const { statusCode = 502 } = got;
    if (method !== 'GET' || !/^(\/v[\d.]+)?\/containers\/json\b/.test(url) || statusCode !== 200) {
      answer.writeHead(statusCode, got.headers);
      got.pipe(answer);
      return;
    }
    void readAll(got).then((text) => {
      const listed = JSON.parse(text) as { Id: string }[];
      answer.writeHead(200, { 'content-type': 'application/json' });
      answer.end(JSON.stringify(listed.filter(({ Id }) => !hidden.includes(Id))));
    });
  });
  onward.on('error', ({ message }) => {
    if (answer.headersSent) answer.destroy();
    else answer.writeHead(502, { 'content-type': 'application/json' }).end(JSON.stringify({ message }));
  });
  asked.pipe(onward);
}

async function readAll(stream: NodeJS.ReadableStream): Promise<string> {
  let text = '';
  for await (const chunk of stream.setEncoding('utf8')) text += String(chunk);
  return text;
}
