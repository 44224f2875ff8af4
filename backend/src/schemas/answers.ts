import { type Static, Type } from 'typebox';
import type { Gene } from './gene.ts';

const Link = Type.String({ description: 'Relative address.' });
const LinkOrNull = Type.Unsafe<string | null>({ type: ['string', 'null'] });

export const GenePage = Type.Object({
  items: Type.Array(Type.Ref('Gene')),
  total: Type.Integer({ description: 'Genes in the whole selection.' }),
  page: Type.Integer(),
  pageSize: Type.Integer(),
  pages: Type.Integer({ description: 'At least 1.' }),
  links: Type.Object({ self: Link, first: Link, prev: LinkOrNull, next: LinkOrNull, last: Link }),
});

/** An answer that is a problem document. */
export const ProblemAnswer = {
  description: 'A problem document.',
  content: { 'application/problem+json': { schema: Type.Ref('Problem') } },
};

/** Adds the errors that every address may answer with. */
export function withProblems<T extends Record<number, unknown>>(answers: T, ...statuses: number[]): T {
  const problems = Object.fromEntries([400, 503, ...statuses].map((status) => [status, ProblemAnswer]));
  return { ...answers, ...problems };
}

export const DiseaseGroups = Type.Object({
  items: Type.Array(
    Type.Object({
      slug: Type.String(),
      name: Type.String(),
      description: Type.String(),
      genes: Type.Integer({ description: 'How many genes are in the group.' }),
    }),
  ),
});

const Counts = Type.Array(Type.Object({ key: Type.String(), count: Type.Integer() }));

export const Statistics = Type.Object({
  genes: Type.Integer(),
  diseases: Type.Integer({
    description: 'Different diseases, told apart by OMIM id, else ORPHA id, else name.',
  }),
  byGroup: Counts,
  byInheritance: Counts,
  byChromosome: Counts,
  byEvidence: Type.Array(
    Type.Object({
      key: Type.String({ description: '`none` where no class was given.' }),
      count: Type.Integer(),
    }),
  ),
  evidenceSources: Type.Array(
    Type.Object({
      source: Type.Unsafe<string | null>({
        type: ['string', 'null'],
        description: 'Null where none was recorded.',
      }),
      date: Type.Unsafe<string | null>({ type: ['string', 'null'] }),
      count: Type.Integer(),
    }),
    {
      description:
        'Where the evidence classes come from, the most frequent 50; genes without a class are not counted.',
    },
  ),
  updatedAt: Type.String({ format: 'date-time' }),
});

export const Site = Type.Object({ name: Type.String({ description: 'The setting PROJECT_NAME.' }) });

const Change = Type.Object({
  seq: Type.Integer(),
  at: Type.String({ format: 'date-time' }),
  op: Type.Unsafe<'insert' | 'update' | 'delete'>({ type: 'string', enum: ['insert', 'update', 'delete'] }),
  symbol: Type.String(),
  gene: Type.Unsafe<Gene | null>({
    anyOf: [{ $ref: 'Gene#' }, { type: 'null' }],
    description: 'The gene as it is now, which may be after later changes; null when it is gone.',
  }),
});

export const Changes = Type.Object({
  items: Type.Array(Change),
  latest: Type.Integer({
    description: 'Number of the newest change; there is more to read when the last item is older.',
  }),
  complete: Type.Boolean({
    description:
      'False when changes after `since` can no longer be listed: read all genes anew, then resume from `latest`.',
  }),
});
export type Change = Static<typeof Change>;

export const Meta = Type.Object({
  name: Type.String(),
  version: Type.String(),
  revision: Type.String(),
  apiVersion: Type.String(),
  startedAt: Type.String({ format: 'date-time' }),
  genes: Type.Integer(),
  latestSeq: Type.Integer(),
  dataChangedAt: Type.String({
    format: 'date-time',
    description: 'When genes or disease groups last changed.',
  }),
});
