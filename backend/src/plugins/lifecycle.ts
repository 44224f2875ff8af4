import plugin from 'fastify-plugin';
import { letInBeforeClose } from '../lib/close-port.ts';

declare module 'fastify' {
  interface FastifyInstance {
    lifecycle: {
      /** True from the first signal to stop on: no new work is asked for, what is under way is finished. */
      draining: boolean;
      /** True once another server is taking over: all is still answered, each answer as the last on its connection. */
      leaving: boolean;
      startedAt: Date;
    };
  }
}

/** Answers that are still under way this long after the order to stop are cut off; later where another server took over. */
const drainTimeoutMs = 3500;
const leaveTimeoutMs = 30_000;

/** Keeps what the server knows about its own life, and bounds its end. */
export const lifecycle = plugin(
  async (app) => {
    app.decorate('lifecycle', { draining: false, leaving: false, startedAt: new Date() });
    letInBeforeClose(app.server);
    // A connection that is kept would be closed under the next request on it.
    app.addHook('onRequest', async (_request, reply) => {
      if (app.lifecycle.leaving) reply.header('connection', 'close');
    });
    // After a request to switch protocols nobody reads requests on its connection, whatever the answer was: a proxy that
    // kept it would send the next request into the void.
    app.addHook('onSend', async (request, reply) => {
      if (request.headers.upgrade !== undefined) reply.header('connection', 'close');
    });
    app.addHook('onResponse', async (request) => {
      if (request.headers.upgrade !== undefined) request.raw.socket.end();
    });
    app.addHook('preClose', async () => {
      app.lifecycle.draining = true;
      const timeoutMs = app.lifecycle.leaving ? leaveTimeoutMs : drainTimeoutMs;
      setTimeout(() => app.server.closeAllConnections(), timeoutMs).unref();
    });
  },
  { name: 'lifecycle' },
);
