import cors from '@fastify/cors';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import Fastify, { type FastifyInstance, LogController } from 'fastify';
import type { Logger } from 'pino';
import type { Env } from './env.ts';
import { parseQueryString } from './genes/selection.ts';
import { Neighbours } from './lib/neighbours.ts';
import { chooseRequestId } from './lib/request-id.ts';
import { allowedHosts } from './plugins/allowed-hosts.ts';
import { answers } from './plugins/answers.ts';
import { database } from './plugins/database.ts';
import { lifecycle } from './plugins/lifecycle.ts';
import { live } from './plugins/live.ts';
import { metrics } from './plugins/metrics.ts';
import { neighbourLimit } from './plugins/neighbours.ts';
import { openapi } from './plugins/openapi.ts';
import { overload } from './plugins/overload.ts';
import { problems, sendProblem } from './plugins/problems.ts';
import { requestLog } from './plugins/request-log.ts';
import { search } from './plugins/search.ts';
import { validation } from './plugins/validation.ts';
import { docsRoutes } from './routes/docs.ts';
import { healthRoutes } from './routes/health.ts';
import { v1Routes } from './routes/v1/index.ts';
import { websocketRoutes } from './routes/websocket.ts';

/**
 * Assembles the API; it does not listen yet. The database is prepared in the background (`app.database.prepared`).
 *
 * @param env the settings
 * @param logger where log lines go
 */
export async function buildApp(env: Env, logger: Logger): Promise<FastifyInstance> {
  const neighbours = new Neighbours();
  const app = Fastify({
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'requestId' }),
    // Only nginx, on the stack's own network, may say who the client is.
    trustProxy: (address, hop) => hop === 0 && neighbours.isOwn(address),
    genReqId: (request) => chooseRequestId(request, (address) => neighbours.isOwn(address)),
    bodyLimit: 64 * 1024,
    routerOptions: { maxParamLength: 80, querystringParser: parseQueryString },
    // Time to send a request; nginx in front keeps idle connections for 2 s, so ours outlive them.
    requestTimeout: 15_000,
    connectionTimeout: 65_000,
    keepAliveTimeout: 75_000,
    // Looked at often, so that who sends slowly, or nothing, is cut soon after its time.
    http: { maxHeaderSize: 16 * 1024, headersTimeout: 10_000, connectionsCheckingInterval: 2000 },
    forceCloseConnections: 'idle',
    // While draining, requests on open connections are still served, each as the last on its connection.
    return503OnClosing: false,
    frameworkErrors: (error, request, reply) => {
      reply.header('x-request-id', request.id);
      sendProblem(error, request, reply);
    },
  }).withTypeProvider<TypeBoxTypeProvider>();

  await app.register(lifecycle);
  await app.register(neighbourLimit, { env, neighbours });
  await app.register(requestLog);
  await app.register(problems);
  await app.register(allowedHosts, { hosts: env.allowedHosts });
  await app.register(validation);
  if (env.corsOrigins.length > 0)
    await app.register(cors, { origin: [...env.corsOrigins], exposedHeaders: ['etag', 'x-request-id'] });
  await app.register(openapi, { env });
  await app.register(database, { env });
  await app.register(answers, { env });
  await app.register(live, { env });
  await app.register(search, { env });
  await app.register(overload, { env });
  await app.register(metrics, { env });
  await app.register(docsRoutes);
  await app.register(healthRoutes, { env });
  await app.register(v1Routes, { prefix: env.apiPrefix, env });
  await app.register(websocketRoutes, { env, neighbours });
  return app as unknown as FastifyInstance;
}
