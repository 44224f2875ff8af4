import plugin from 'fastify-plugin';
import { collectDefaultMetrics, Registry } from 'prom-client';
import type { Env } from '../env.ts';
import { registerParts, registerRequests } from '../metrics/gauges.ts';
import { registerOperations } from '../metrics/operations.ts';
import { MetricsServer } from '../metrics/server.ts';

declare module 'fastify' {
  interface FastifyInstance {
    metricsServer: MetricsServer;
  }
}

/**
 * Counts what happens and shows it to Prometheus at /metrics, on a port of its own and only at the address from which the
 * database is reached: that network is internal, so whoever shares the proxy's network cannot read it. METRICS_HOST
 * chooses another address.
 */
export const metrics = plugin<{ env: Env }>(
  async (app, { env }) => {
    const registry = new Registry();
    collectDefaultMetrics({ register: registry });
    registerRequests(registry, app);
    registerParts(registry, app, env);
    const readOperations = registerOperations(registry, app.database.control);
    const server = new MetricsServer(async () => {
      await readOperations();
      return registry.metrics();
    }, env.metricsPort);

    app.changeFeed.on('connected', async (localAddress) => {
      // Without a network address the database is reached through a socket on this machine.
      const host = env.metricsHost ?? localAddress ?? '127.0.0.1';
      try {
        if (await server.listen(host)) app.log.info(server.address(), 'metrics are served at /metrics');
      } catch (error) {
        app.log.error({ err: error, host, port: env.metricsPort }, 'metrics cannot be served');
      }
    });
    app.decorate('metricsServer', server);
    app.addHook('onClose', () => server.close());
  },
  { name: 'metrics', dependencies: ['database', 'live', 'overload', 'answers'] },
);
