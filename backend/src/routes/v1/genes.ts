import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { readGenesAsJson } from '../../genes/repository.ts';
import { formatQueryString, normalizeSelection } from '../../genes/selection.ts';
import { GenePage, withProblems } from '../../schemas/answers.ts';
import { ListQuery } from '../../schemas/selection.ts';

/** The list of genes: search, filters, order, pages. */
export const geneRoutes: FastifyPluginAsyncTypebox = async (app) => {
  const path = `${app.prefix}/genes`;

  app.get(
    '/genes',
    {
      schema: {
        operationId: 'listGenes',
        tags: ['Genes'],
        summary: 'Search, filter and page through genes',
        querystring: ListQuery,
        response: withProblems({ 200: GenePage }),
      },
    },
    (request, reply) => {
      const { page, pageSize, ...query } = request.query;
      const selection = normalizeSelection(query);
      const link = (to: number) => {
        const parameters = formatQueryString(selection, to, pageSize);
        return parameters === '' ? path : `${path}?${parameters}`;
      };
      return app.answers.send(request, reply, {
        address: link(page),
        load: async (version) => {
          const { ids, total } = await app.geneIndex.ask(version, (index) =>
            index.list(selection, (page - 1) * pageSize, pageSize),
          );
          const items = await readGenesAsJson(app.database.main, ids);
          const pages = Math.max(1, Math.ceil(total / pageSize));
          const links = {
            self: link(page),
            first: link(1),
            prev: page > 1 ? link(Math.min(page - 1, pages)) : null,
            next: page < pages ? link(page + 1) : null,
            last: link(pages),
          };
          return { items, rest: { total, page, pageSize, pages, links } };
        },
        write: ({ items, rest }) => `{"items":[${items.join(',')}],${JSON.stringify(rest).slice(1)}`,
      });
    },
  );
};
