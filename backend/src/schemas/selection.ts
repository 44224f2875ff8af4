import { type Static, type TSchema, Type } from 'typebox';
import { Chromosome, Evidence, Inheritance, Slug } from './gene.ts';

/** A parameter that may be left out, yet is always there once a request has been checked: its default takes the place. */
export const withDefault = <T extends TSchema>(schema: T): T => Type.Optional(schema) as unknown as T;

const sortKeys = [
  'relevance',
  'symbol',
  '-symbol',
  'name',
  '-name',
  'chromosome',
  '-chromosome',
  'group',
  '-group',
  'evidence',
  '-evidence',
] as const;
export type SortKey = (typeof sortKeys)[number];

const several = 'May be given several times: any of the values.';

/** Which genes: the parameters that the list and the export have in common. */
const selection = {
  q: Type.Optional(
    Type.String({
      maxLength: 200,
      description:
        'Searches symbols, aliases, names, diseases and ids; forgives typing errors; an exact symbol comes first.',
      examples: ['PKD1', 'polycystic kidny'],
    }),
  ),
  group: Type.Optional(Type.Array(Slug, { maxItems: 20, description: `Disease group. ${several}` })),
  inheritance: Type.Optional(
    Type.Array(Inheritance, { maxItems: 7, description: `Mode of inheritance. ${several}` }),
  ),
  chromosome: Type.Optional(Type.Array(Chromosome, { maxItems: 25, description: `Chromosome. ${several}` })),
  evidence: Type.Optional(Type.Array(Evidence, { maxItems: 4, description: `Evidence class. ${several}` })),
  sort: Type.Optional(
    Type.Unsafe<SortKey>({
      type: 'string',
      enum: [...sortKeys],
      description: 'A minus reverses the order. Without it: by relevance for a search, else by symbol.',
    }),
  ),
};

export const ListQuery = Type.Object(
  {
    ...selection,
    page: withDefault(Type.Integer({ minimum: 1, maximum: 100_000, default: 1 })),
    pageSize: withDefault(Type.Integer({ minimum: 1, maximum: 200, default: 25 })),
  },
  { additionalProperties: false },
);
export type ListQuery = Static<typeof ListQuery>;

export const ExportQuery = Type.Object(
  {
    ...selection,
    format: withDefault(
      Type.Unsafe<'csv' | 'tsv' | 'json'>({ type: 'string', enum: ['csv', 'tsv', 'json'], default: 'csv' }),
    ),
  },
  { additionalProperties: false },
);
export type ExportQuery = Static<typeof ExportQuery>;
