import plugin from 'fastify-plugin';

declare module 'fastify' {
  interface FastifyInstance {
    lifecycle: {
      /** True from the first signal to stop on: no new work is asked for, what is under way is finished. */
      draining: boolean;
      startedAt: Date;
    };
  }
}

/** Answers that are still under way this long after the order to stop are cut off. */
const drainTimeoutMs = 3500;

/** Keeps what the server knows about its own life, and bounds its end. */
export const lifecycle = plugin(
  async (app) => {
    app.decorate('lifecycle', { draining: false, startedAt: new Date() });
    app.addHook('preClose', async () => {
      app.lifecycle.draining = true;
      setTimeout(() => app.server.closeAllConnections(), drainTimeoutMs).unref();
    });
  },
  { name: 'lifecycle' },
);
