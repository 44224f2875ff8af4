import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import type { Env } from '../../env.ts';
import { listChanges } from '../../genes/changes.ts';
import { readGroups } from '../../genes/overview.ts';
import { pathOf } from '../../plugins/answers.ts';
import { Changes, DiseaseGroups, Meta, Site, Statistics, withProblems } from '../../schemas/answers.ts';
import { withDefault } from '../../schemas/selection.ts';

const ChangesQuery = Type.Object(
  {
    since: withDefault(
      Type.Integer({
        minimum: 0,
        maximum: Number.MAX_SAFE_INTEGER,
        default: 0,
        description: 'Number of the last change that is known already.',
      }),
    ),
    limit: withDefault(Type.Integer({ minimum: 1, maximum: 1000, default: 100 })),
  },
  { additionalProperties: false },
);
/** @param micros since 1970 */
const toTime = (micros: number) => new Date(micros / 1000).toISOString();
const NoQuery = Type.Object({}, { additionalProperties: false });

/** Groups, numbers, changes, and what this server is. */
export const overviewRoutes: FastifyPluginAsyncTypebox<{ env: Env }> = async (app, { env }) => {
  const pool = app.database.main;
  const tags = ['Overview'];

  app.get(
    '/disease-groups',
    {
      schema: {
        operationId: 'listDiseaseGroups',
        tags,
        summary: 'Disease groups with their numbers of genes',
        querystring: NoQuery,
        response: withProblems({ 200: DiseaseGroups }),
      },
    },
    (request, reply) =>
      app.answers.send(request, reply, {
        address: pathOf(request),
        load: async (version) => {
          const counts = await app.geneIndex.ask(version, (index) => index.countGroups());
          return { items: await readGroups(pool, counts) };
        },
      }),
  );

  app.get(
    '/statistics',
    {
      schema: {
        operationId: 'getStatistics',
        tags,
        summary: 'How many genes and diseases, by group, inheritance, chromosome and evidence',
        querystring: NoQuery,
        response: withProblems({ 200: Statistics }),
      },
    },
    (request, reply) =>
      app.answers.send(request, reply, {
        address: pathOf(request),
        load: async (version) => {
          const counts = await app.geneIndex.ask(version, (index) => index.summarize());
          return { ...counts, updatedAt: toTime(version.changedAt) };
        },
      }),
  );

  app.get(
    '/changes',
    {
      schema: {
        operationId: 'listChanges',
        tags,
        summary: 'What changed, oldest first',
        querystring: ChangesQuery,
        response: withProblems({ 200: Changes }),
      },
    },
    (request, reply) =>
      app.answers.send(request, reply, {
        address: `${app.prefix}/changes?since=${request.query.since}&limit=${request.query.limit}`,
        load: () => listChanges(pool, request.query.since, request.query.limit),
        // The schema would be asked of each gene whether it is one.
        write: ({ items, latest, complete }) => JSON.stringify({ items, latest, complete }),
      }),
  );

  app.get(
    '/site',
    {
      schema: {
        operationId: 'getSite',
        tags: ['Status'],
        summary: 'What the site is called; asks no database',
        querystring: NoQuery,
        response: withProblems({ 200: Site }),
      },
    },
    async (_request, reply) => {
      reply.header('cache-control', 'no-cache');
      return { name: env.projectName };
    },
  );

  app.get(
    '/meta',
    {
      schema: {
        operationId: 'getMeta',
        tags: ['Status'],
        summary: 'What this server is, and how new its data are',
        querystring: NoQuery,
        response: withProblems({ 200: Meta }),
      },
    },
    async (_request, reply) => {
      const version = await app.database.dataVersion.read();
      const genes = await app.geneIndex.ask(version, ({ size }) => size);
      reply.header('cache-control', 'no-store');
      return {
        name: env.projectName,
        version: env.version,
        revision: env.revision,
        apiVersion: app.prefix.split('/').at(-1) ?? '',
        startedAt: app.lifecycle.startedAt.toISOString(),
        genes,
        latestSeq: version.seq,
        dataChangedAt: toTime(version.changedAt),
      };
    },
  );
};
