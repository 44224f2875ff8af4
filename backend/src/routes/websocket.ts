import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import websocket from '@fastify/websocket';
import type { Env } from '../env.ts';
import type { Neighbours } from '../lib/neighbours.ts';
import { Problem } from '../lib/problem.ts';
import { isOriginAllowed } from '../live/origin.ts';

/** Longest message of a client, in bytes; the longest that means something has about 50. */
const maxPayload = 1024;

/** /ws/genes: tells what changes, as it happens. */
export const websocketRoutes: FastifyPluginAsyncTypebox<{ env: Env; neighbours: Neighbours }> = async (
  app,
  { env, neighbours },
) => {
  await app.register(websocket, {
    options: { maxPayload, perMessageDeflate: false },
    preClose: (done) => {
      app.live.close();
      app.websocketServer.close(() => done());
    },
  });

  app.get(
    '/ws/genes',
    {
      websocket: true,
      // An open connection is no request that is being answered; the hub limits how many there are.
      config: { essential: true },
      onRequest: async (request, reply) => {
        // It would be sent away again at once: unanswered, nginx takes it to the server that takes over.
        if (app.lifecycle.leaving) {
          reply.hijack();
          request.raw.socket.destroy();
          return;
        }
        if (!request.ws) throw new Problem('bad-request', 'This address speaks WebSocket only.');
        const isOwn = neighbours.isOwn(request.raw.socket.remoteAddress);
        if (!isOriginAllowed(request.headers, env.corsOrigins, isOwn)) {
          throw new Problem('forbidden', `Pages of ${request.headers.origin} may not connect here.`);
        }
      },
    },
    (socket, request) => app.live.add(socket, request.ip),
  );
};
