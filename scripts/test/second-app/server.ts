// A second app for the kit, to keep docs/adapting.md true: notes, one table, one page. It takes the place of
// backend/src/server.ts in a copy of the checkout; see scripts/test/slow/second-app.slow.ts.
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { jwtVerify } from 'jose';
import pg from 'pg';
import { WebSocketServer } from 'ws';
import { migrate } from './db/migrate.ts';

const { env } = process;
const secret = (key: string) => {
  const file = env[`${key}_FILE`];
  return (file ? readFileSync(file, 'utf8') : (env[key] ?? '')).trim();
};
const keys = () => ['SECRET_KEY', 'SECRET_KEY_PREVIOUS'].map((key) => new TextEncoder().encode(secret(key)));
const POOL_MAX = 8;
const hosts = (env.ALLOWED_HOSTS ?? '').split(',');
// Asked for with each connection, so that a rotated password is known.
const pool = new pg.Pool({
  password: () => new URL(secret('DATABASE_URL')).password,
  ...databaseOf(secret('DATABASE_URL')),
});
pool.on('error', () => undefined);
let leaving = false;

function databaseOf(url: string) {
  const { hostname, pathname, username } = new URL(url);
  return { host: env.DATABASE_HOST || hostname, database: pathname.slice(1), user: username, max: POOL_MAX };
}

const problem = (status: number, title: string) => ({ status, body: { type: 'about:blank', title, status } });

async function mayEdit({ headers }: IncomingMessage): Promise<boolean> {
  const token = /^Bearer (.+)$/.exec(headers.authorization ?? '')?.[1] ?? '';
  const tried = await Promise.allSettled(
    keys().map((key) => jwtVerify(token, key, { requiredClaims: ['exp'] })),
  );
  return tried.some((one) => one.status === 'fulfilled' && one.value.payload.scope === 'notes:write');
}

async function answer(asked: IncomingMessage): Promise<{ status: number; body: object }> {
  const { pathname, searchParams } = new URL(asked.url ?? '/', 'http://app');
  if (!hosts.includes((asked.headers.host ?? '').replace(/:\d+$/, ''))) return problem(400, 'Unknown host');
  if (pathname === '/api/health/live') return { status: 200, body: { status: 'ok' } };
  if (pathname === '/api/health') {
    await pool.query('select 1');
    return { status: 200, body: { status: 'ok', version: env.APP_VERSION, revision: env.APP_REVISION } };
  }
  if (asked.method === 'DELETE')
    return (await mayEdit(asked)) ? problem(404, 'No such note') : problem(401, 'No token');
  if (pathname !== `${env.API_V1_STR}/notes`) return problem(404, 'Nothing here');
  if (searchParams.size > 0) return problem(400, 'Unknown parameter');
  return { status: 200, body: (await pool.query('select id, text from notes order by id')).rows };
}

const server = createServer((asked, reply) => {
  void answer(asked)
    .catch(() => problem(503, 'The database does not answer'))
    .then(({ status, body }) => {
      const type = status < 400 ? 'application/json' : 'application/problem+json';
      if (leaving) reply.setHeader('connection', 'close').setHeader('x-leaving', 'yes');
      reply.writeHead(status, { 'content-type': type }).end(JSON.stringify(body));
    });
});
/** On the internal network alone. */
const metrics = createServer((_, reply) => reply.end(`database_pool_max ${POOL_MAX}\n`));
const sockets = new WebSocketServer({ noServer: true });
server.on('upgrade', (asked, socket, head) => {
  const isOurs =
    new URL(asked.headers.origin ?? 'http://none').hostname ===
    (asked.headers.host ?? '').replace(/:\d+$/, '');
  if (!isOurs || leaving)
    return socket.end(`HTTP/1.1 ${leaving ? 503 : 403} Refused\r\nConnection: close\r\n\r\n`);
  sockets.handleUpgrade(asked, socket, head, (client) => client.on('error', () => undefined));
});
setInterval(() => {
  for (const client of sockets.clients) client.ping();
}, 10_000).unref();
const sendAway = () => {
  for (const client of sockets.clients) client.close(1012, 'service restart');
};

process.on('SIGHUP', sendAway);
process.on('SIGUSR2', () => {
  leaving = true;
  sendAway();
});
process.on('SIGTERM', async () => {
  server.close();
  server.closeIdleConnections();
  await sleep(leaving ? 4000 : 500);
  process.exit(0);
});

if (secret('DATABASE_URL')) {
  void (async () => {
    let internal = '';
    for (let client: pg.Client | undefined; !client; await sleep(300)) {
      client = new pg.Client({
        ...databaseOf(secret('DATABASE_URL')),
        password: new URL(secret('DATABASE_URL')).password,
      });
      try {
        await client.connect();
        internal = client.connection.stream.localAddress;
        await migrate(client);
        await client.end();
      } catch {
        client = undefined;
      }
    }
    server.listen(Number(env.PORT), env.HOST);
    metrics.listen(9464, internal);
  })();
} else process.exitCode = 1;
