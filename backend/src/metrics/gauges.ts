import type { FastifyInstance } from 'fastify';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { Env } from '../env.ts';

/** Times every answer, by method, route and status. */
export function registerRequests(registry: Registry, app: FastifyInstance): void {
  const duration = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'Time from the first byte of a request to the last of its answer.',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
    registers: [registry],
  });
  app.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url ?? 'none';
    duration.observe(
      { method: request.method, route, status: String(reply.statusCode) },
      reply.elapsedTime / 1000,
    );
  });
}

/** Shows what the parts of the API know of themselves: read when Prometheus asks. */
export function registerParts(registry: Registry, app: FastifyInstance, env: Env): void {
  const { database, live, changeFeed, load, answers } = app;
  const registers = [registry];

  function gauge(name: string, help: string, read: () => number): void {
    const metric: Gauge = new Gauge({ name, help, registers, collect: () => metric.set(read()) });
  }

  function counter(name: string, help: string, read: () => number): void {
    const metric: Counter = new Counter({
      name,
      help,
      registers,
      collect: () => {
        metric.reset();
        metric.inc(read());
      },
    });
  }

  gauge('http_requests_in_flight', 'Requests being answered.', () => load.inFlight);
  counter('http_requests_shed_total', 'Requests turned away with 503 under overload.', () => load.shed);
  gauge('database_ready', '1 when the schema is ready.', () => (database.waitingFor === null ? 1 : 0));
  gauge('database_pool_connections', 'Open connections.', () => database.main.totalCount);
  gauge('database_pool_idle', 'Connections that nobody uses.', () => database.main.idleCount);
  gauge('database_pool_waiting', 'Requests that wait for a connection.', () => database.main.waitingCount);
  gauge('database_pool_max', 'Most connections there may be.', () => env.poolMax);
  counter('answers_hits_total', 'Answers that were at hand.', () => answers.stats.hits);
  counter('answers_misses_total', 'Answers that the database had to work out.', () => answers.stats.misses);
  gauge('websocket_clients', 'Open WebSockets.', () => live.size);
  counter('websocket_messages_sent_total', 'Changes sent, once for each client.', () => live.stats.sent);
  counter('websocket_messages_received_total', 'Messages of clients.', () => live.stats.received);
  counter(
    'websocket_refused_total',
    'Connections closed at once because there were too many.',
    () => live.stats.refused,
  );
  gauge('live_changes_connected', '1 while changes are followed.', () => (changeFeed.connected ? 1 : 0));
  gauge('live_changes_seq', 'Number of the newest change that was told.', () => changeFeed.position ?? 0);
  new Gauge({ name: 'build_info', help: 'Always 1.', labelNames: ['version', 'revision'], registers })
    .labels(env.version, env.revision)
    .set(1);
}
