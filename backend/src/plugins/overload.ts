import underPressure from '@fastify/under-pressure';
import type { FastifyRequest } from 'fastify';
import plugin from 'fastify-plugin';
import type { Env } from '../env.ts';
import { Problem } from '../lib/problem.ts';

declare module 'fastify' {
  interface FastifyInstance {
    load: {
      /** Requests being answered now. */
      inFlight: number;
      /** Requests turned away so far. */
      shed: number;
    };
  }
  interface FastifyContextConfig {
    /** Answered under any load: it decides over the life of the server, or has limits of its own. */
    essential?: boolean;
  }
}

/** A turn of the event loop this late means that more work comes in than gets done. */
const maxEventLoopDelayMs = 400;
/** Requests that may wait for a connection to the database, for each connection there is. */
const maxWaitingPerConnection = 8;

/**
 * Turns requests away (503 with Retry-After) before they pile up: when too many are under way, when too many wait for
 * the database, or when the event loop lags.
 */
export const overload = plugin<{ env: Env }>(
  async (app, { env }) => {
    const load = { inFlight: 0, shed: 0 };
    const isExempt = (request: FastifyRequest) => request.routeOptions.config.essential === true;
    const refuse = (detail: string) => {
      load.shed += 1;
      return new Problem('overloaded', detail, { headers: { 'retry-after': '1' } });
    };
    app.decorate('load', load);

    await app.register(underPressure, {
      maxEventLoopDelay: maxEventLoopDelayMs,
      sampleInterval: 250,
      pressureHandler: (request) => {
        // A machine that stalls for a moment is no reason to turn a few requests away.
        if (!isExempt(request) && load.inFlight >= env.poolMax)
          throw refuse('The server is busy beyond its capacity.');
      },
    });

    app.addHook('onRequest', async (request, reply) => {
      if (isExempt(request)) return;
      if (load.inFlight >= env.maxConcurrentRequests)
        throw refuse('Too many requests are being answered at once.');
      if (app.database.main.waitingCount >= env.poolMax * maxWaitingPerConnection) {
        throw refuse('Too many requests are waiting for the database.');
      }
      load.inFlight += 1;
      // Close comes after every answer, a cut off one included.
      reply.raw.once('close', () => {
        load.inFlight -= 1;
      });
    });
  },
  { name: 'overload', dependencies: ['database'] },
);
