import { type Static, type TSchemaOptions, Type } from 'typebox';

export const inheritanceCodes = ['AD', 'AR', 'XL', 'XLD', 'XLR', 'MT', 'digenic'] as const;
export const evidenceClasses = ['definitive', 'strong', 'moderate', 'limited'] as const;
export const chromosomes = [
  ...Array.from({ length: 22 }, (_, index) => String(index + 1)),
  'X',
  'Y',
  'MT',
] as const;

/** Control characters, line ends and halves of surrogate pairs: no text has them. */
const control = '\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029\\ud800-\\udfff';
/** A text with no space at its ends. @param excluded further characters that it may not have */
const textPattern = (excluded = '') => `^(?!\\s)[^${excluded}${control}]+(?<!\\s)$`;

/** A year, a month or a day that the calendar has. */
const datePattern =
  '^(19|20)[0-9]{2}(-((0[1-9]|1[0-2])|(0[1-9]|1[0-2])-(0[1-9]|[12][0-9])|(0[13-9]|1[0-2])-30|(0[13578]|1[02])-31))?$';
/** HTTPS, a host with a dot and no sign-in; behind it what RFC 3986 lets an address hold. */
const urlPattern =
  "^https://[A-Za-z0-9-]+(\\.[A-Za-z0-9-]+)+(:[0-9]{1,5})?([/?#][A-Za-z0-9._~:/?#@!$&'()*+,;=%\\[\\]-]*)?$";

const oneOf = <const T extends readonly string[]>(values: T, options: TSchemaOptions = {}) =>
  Type.Unsafe<T[number]>({ type: 'string', enum: [...values], ...options });
const oneOfOrNull = <const T extends readonly string[]>(values: T, options: TSchemaOptions = {}) =>
  Type.Unsafe<T[number] | null>({ type: ['string', 'null'], enum: [...values, null], ...options });
const patternOrNull = (pattern: string, options: TSchemaOptions = {}) =>
  Type.Unsafe<string | null>({ type: ['string', 'null'], pattern, ...options });

export const Inheritance = oneOf(inheritanceCodes, {
  description:
    'AD autosomal dominant, AR autosomal recessive, XL/XLD/XLR X-linked (dominant, recessive), MT mitochondrial, digenic.',
});
export const Evidence = oneOf(evidenceClasses);
export const Chromosome = oneOf(chromosomes);
export const Slug = Type.String({
  pattern: '^[a-z0-9]+(-[a-z0-9]+)*$',
  maxLength: 60,
  examples: ['ciliopathy'],
});

const Disease = Type.Object(
  {
    // No `|`, `{`, `}`: they separate diseases and their ids in CSV exports.
    name: Type.String({ minLength: 1, maxLength: 300, pattern: textPattern('|{}') }),
    omimId: patternOrNull('^OMIM:[0-9]{6}$', { examples: ['OMIM:173900'] }),
    orphaId: patternOrNull('^ORPHA:[0-9]{1,7}$', { examples: ['ORPHA:730'] }),
    inheritance: Type.Array(Inheritance, { maxItems: 7, uniqueItems: true }),
  },
  { additionalProperties: false },
);

const editable = {
  name: Type.String({
    minLength: 1,
    maxLength: 300,
    pattern: textPattern(),
    description: 'Approved full name.',
  }),
  aliases: Type.Array(Type.String({ minLength: 1, maxLength: 80, pattern: textPattern('|') }), {
    maxItems: 60,
    uniqueItems: true,
  }),
  chromosome: Chromosome,
  band: Type.String({
    maxLength: 40,
    pattern: '^([A-Za-z0-9.()-]+( [A-Za-z0-9.()-]+)*)?$',
    examples: ['16p13.3'],
    description: 'Empty when not known.',
  }),
  inheritance: Type.Array(Inheritance, { maxItems: 7, uniqueItems: true }),
  diseaseGroup: Slug,
  evidence: oneOfOrNull(evidenceClasses, {
    description: 'How well the link to kidney disease is established.',
  }),
  evidenceSource: patternOrNull(textPattern(), {
    maxLength: 200,
    examples: ['ClinGen'],
    description: 'Who gave the evidence class; null when that is not known.',
  }),
  evidenceDate: patternOrNull(datePattern, {
    examples: ['2023-11'],
    description: 'Of when the class is: a year, month or day, as exactly as it is known.',
  }),
  evidenceUrl: patternOrNull(urlPattern, {
    maxLength: 500,
    examples: ['https://search.clinicalgenome.org/kb/genes/HGNC:9008'],
    description: 'Where the class can be read.',
  }),
  diseases: Type.Array(Disease, { maxItems: 100 }),
};

const content = {
  symbol: Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._@-]{0,39}$', examples: ['PKD1'] }),
  hgncId: Type.String({ pattern: '^HGNC:[1-9][0-9]{0,8}$', examples: ['HGNC:9008'] }),
  ...editable,
};

/** A gene without what the database adds: what an import brings. */
export const GeneContent = Type.Object(content, { additionalProperties: false });
export type GeneContent = Static<typeof GeneContent>;

export const Gene = Type.Object(
  {
    ...content,
    updatedAt: Type.String({ format: 'date-time' }),
    seq: Type.Integer({ description: 'Number of the change that made the gene what it is.' }),
  },
  { $id: 'Gene', additionalProperties: false },
);
export type Gene = Static<typeof Gene>;

/** What PATCH accepts: any of the fields that can be edited, at least one. */
export const GeneEdit = Type.Partial(Type.Object(editable), {
  additionalProperties: false,
  minProperties: 1,
});
export type GeneEdit = Static<typeof GeneEdit>;
