import { finished } from 'node:stream';
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import type { Env } from '../../env.ts';
import { mediaTypes } from '../../genes/export.ts';
import { ExportSlots } from '../../genes/export-slots.ts';
import { openExport } from '../../genes/export-stream.ts';
import { normalizeSelection } from '../../genes/selection.ts';
import { clientNetwork } from '../../lib/client-network.ts';
import { matchesEtag } from '../../lib/etag.ts';
import { withProblems } from '../../schemas/answers.ts';
import { ExportQuery } from '../../schemas/selection.ts';

/** What the answer is; a stream is not written by the schema. */
const Download = {
  content: Object.fromEntries(Object.values(mediaTypes).map((type) => [type, { schema: Type.String() }])),
};

/** Download of a selection. Each holds a connection while it runs, so only some of them run at once. */
export const exportRoutes: FastifyPluginAsyncTypebox<{ env: Env }> = async (app, { env }) => {
  const slots = new ExportSlots(Math.max(1, Math.floor(env.poolMax / 3)));

  app.get(
    '/genes/export',
    {
      schema: {
        operationId: 'exportGenes',
        tags: ['Genes'],
        summary: 'Download a selection as CSV, TSV or JSON',
        description:
          'Tables have a header row. Lists are joined by ` | `; a disease is written `Name {OMIM:173900; ORPHA:730; AD}`. A cell ' +
          'that a spreadsheet could take for a formula, or that begins with an apostrophe, has an apostrophe put in front; so has ' +
          'what would begin a formula behind a `;`, a comma or a tab.',
        querystring: ExportQuery,
        response: withProblems({ 200: Download }) as unknown,
      },
    },
    async (request, reply) => {
      const { format, ...query } = request.query;
      const known = request.headers['if-none-match'];
      if (known !== undefined) {
        const { seq, changedAt } = await app.database.dataVersion.read();
        const etag = app.answers.tag(request.originalUrl, [seq, changedAt]);
        if (matchesEtag(known, etag))
          return reply.headers({ etag, 'cache-control': 'public, no-cache' }).code(304).send();
      }
      const slot = slots.take(clientNetwork(request.ip));
      try {
        const { text, version } = await openExport(
          app.database.main,
          app.geneIndex,
          normalizeSelection(query),
          format,
        );
        slot.text = text;
        finished(text, () => slots.leave(slot));
        reply.headers({
          etag: app.answers.tag(request.originalUrl, [version.seq, version.changedAt]),
          'cache-control': 'public, no-cache',
          'content-disposition': `attachment; filename="kidney-genes.${format}"`,
        });
        return reply.type(mediaTypes[format]).send(text);
      } catch (error) {
        slots.leave(slot);
        throw error;
      }
    },
  );
};
