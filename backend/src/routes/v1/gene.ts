import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { isTokenRevoked } from '../../db/revoked-tokens.ts';
import type { Env } from '../../env.ts';
import { editGene, findGene } from '../../genes/repository.ts';
import { matchesEtag } from '../../lib/etag.ts';
import { Problem } from '../../lib/problem.ts';
import { editScope, verifyToken } from '../../lib/token.ts';
import { pathOf } from '../../plugins/answers.ts';
import { withProblems } from '../../schemas/answers.ts';
import { type Gene, GeneEdit } from '../../schemas/gene.ts';

const Params = Type.Object({
  gene: Type.String({
    minLength: 1,
    maxLength: 60,
    pattern: '^[A-Za-z0-9][A-Za-z0-9._@:-]*$',
    description: 'Symbol or HGNC id, in any case.',
    examples: ['PKD1', 'HGNC:9008'],
  }),
});

/** The tag changes with this gene alone, so that If-Match does not fail over another one's edit. */
const versionOf = (gene: Gene) => [gene.seq, Date.parse(gene.updatedAt)];

/** One gene: read, edit. */
export const oneGeneRoutes: FastifyPluginAsyncTypebox<{ env: Env }> = async (app, { env }) => {
  const missing = (name: string) =>
    new Problem('not-found', `There is no gene with the symbol or HGNC id ${name}.`);

  app.get(
    '/genes/:gene',
    {
      schema: {
        operationId: 'getGene',
        tags: ['Genes'],
        summary: 'One gene with its diseases and evidence',
        params: Params,
        response: withProblems({ 200: Type.Ref('Gene') }, 404),
      },
    },
    (request, reply) =>
      app.answers.send(request, reply, {
        address: pathOf(request),
        load: async () => {
          const gene = await findGene(app.database.main, request.params.gene);
          if (gene === null) throw missing(request.params.gene);
          return gene;
        },
        versionOf,
      }),
  );

  app.patch(
    '/genes/:gene',
    {
      schema: {
        operationId: 'editGene',
        tags: ['Genes'],
        summary: 'Edit fields of a gene',
        description: 'Send If-Match with the ETag of the gene to edit only what you have seen.',
        security: [{ bearer: [] }],
        params: Params,
        body: GeneEdit,
        response: withProblems({ 200: Type.Ref('Gene') }, 401, 403, 404, 412, 413, 415),
      },
      // Before the body is read: who may not edit need not send one.
      onRequest: async (request) => {
        const subject = await verifyToken(request.headers.authorization, env.secretKeys, editScope, (id) =>
          isTokenRevoked(app.database.control, id),
        );
        request.log.info({ subject }, 'edit admitted');
      },
    },
    async (request, reply) => {
      const tag = (gene: Gene) => app.answers.tag(pathOf(request), versionOf(gene));
      const expected = request.headers['if-match'];
      const isExpected = (gene: Gene) => expected === undefined || matchesEtag(expected, tag(gene));
      const gene = await editGene(app.database.main, request.params.gene, request.body, isExpected);
      if (gene === null) throw missing(request.params.gene);
      reply.headers({ etag: tag(gene), 'cache-control': 'no-store' });
      return gene;
    },
  );
};
