import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { Env } from '../../env.ts';
import { exportRoutes } from './export.ts';
import { oneGeneRoutes } from './gene.ts';
import { geneRoutes } from './genes.ts';
import { overviewRoutes } from './overview.ts';

/** The versioned API. It answers once the database has been prepared. */
export const v1Routes: FastifyPluginAsyncTypebox<{ env: Env }> = async (app, { env }) => {
  app.addHook('onRequest', async () => app.database.assertPrepared());
  await app.register(geneRoutes);
  await app.register(exportRoutes, { env });
  await app.register(oneGeneRoutes, { env });
  await app.register(overviewRoutes, { env });
};
