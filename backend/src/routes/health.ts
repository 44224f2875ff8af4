import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { explainDatabaseFailure } from '../db/failures.ts';
import type { Env } from '../env.ts';
import { Problem } from '../lib/problem.ts';
import { ProblemAnswer } from '../schemas/answers.ts';

const Ready = Type.Object({
  status: Type.Literal('ok'),
  database: Type.Object({
    status: Type.Literal('up'),
    latencyMs: Type.Number({ description: 'How long the database took to answer.' }),
  }),
  version: Type.String(),
  revision: Type.String(),
  uptimeSeconds: Type.Integer(),
});
const Live = Type.Object({ status: Type.Literal('ok') });

/** /api/health: may requests be sent here? /api/health/live: is the process alive, whatever the database does? */
export const healthRoutes: FastifyPluginAsyncTypebox<{ env: Env }> = async (app, { env }) => {
  app.get(
    '/api/health',
    {
      config: { essential: true },
      schema: {
        operationId: 'getHealth',
        tags: ['Status'],
        summary: 'Readiness: the database is asked',
        response: { 200: Ready, 503: ProblemAnswer },
      },
    },
    async (_request, reply) => {
      reply.header('cache-control', 'no-store');
      if (app.lifecycle.draining) throw new Problem('unavailable', 'The server is shutting down.');
      // Tells who finds this server after an update that was broken off.
      if (app.lifecycle.leaving) reply.header('x-leaving', 'yes');
      app.database.assertPrepared();
      const started = performance.now();
      try {
        // One question at a time, for all who ask.
        await app.database.dataVersion.read();
      } catch (error) {
        const reason = explainDatabaseFailure(error) ?? 'the database cannot be asked';
        throw new Problem('unavailable', `Not ready: ${reason}.`, {
          cause: error,
          headers: { 'retry-after': '2' },
        });
      }
      return {
        status: 'ok' as const,
        database: { status: 'up' as const, latencyMs: Math.round((performance.now() - started) * 100) / 100 },
        version: env.version,
        revision: env.revision,
        uptimeSeconds: Math.round(process.uptime()),
      };
    },
  );

  app.get(
    '/api/health/live',
    {
      schema: { operationId: 'getLiveness', tags: ['Status'], summary: 'Liveness', response: { 200: Live } },
    },
    async (_request, reply) => {
      reply.header('cache-control', 'no-store');
      return { status: 'ok' as const };
    },
  );
};
