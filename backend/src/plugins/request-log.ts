import plugin from 'fastify-plugin';
import { hideSecrets } from '../lib/hide-secrets.ts';
import { toIPv4 } from '../lib/neighbours.ts';

/** Gives every answer its X-Request-Id, and every request one line in the log. Health probes are logged at debug. */
export const requestLog = plugin(
  async (app) => {
    app.addHook('onRequest', async (request, reply) => {
      reply.header('x-request-id', request.id);
    });
    app.addHook('onResponse', async (request, reply) => {
      const level = request.url.startsWith('/api/health') ? 'debug' : 'info';
      request.log[level](
        {
          method: request.method,
          url: hideSecrets(request.originalUrl),
          status: reply.statusCode,
          ms: Math.round(reply.elapsedTime * 10) / 10,
          client: toIPv4(request.ip),
        },
        'request',
      );
    });
  },
  { name: 'request-log' },
);
