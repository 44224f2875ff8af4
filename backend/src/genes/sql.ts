import { createHash } from 'node:crypto';
import type { QueryConfig } from 'pg';
import type { SortKey } from '../schemas/selection.ts';
import type { Selection } from './selection.ts';

/** Columns of a gene under the names of the API. */
export const geneColumns = `g.symbol, g.hgnc_id as "hgncId", g.name, g.aliases, g.chromosome, g.band, g.inheritance,
  g.disease_group as "diseaseGroup", g.evidence, g.evidence_source as "evidenceSource",
  g.evidence_date as "evidenceDate", g.evidence_url as "evidenceUrl", g.diseases, g.updated_at as "updatedAt", g.seq`;

const orders: Readonly<Record<Exclude<SortKey, 'relevance'>, string>> = {
  symbol: 'upper(g.symbol) collate "C"',
  '-symbol': 'upper(g.symbol) collate "C" desc',
  name: 'lower(g.name) collate "C", upper(g.symbol) collate "C"',
  '-name': 'lower(g.name) collate "C" desc, upper(g.symbol) collate "C"',
  chromosome: 'g.chromosome_rank, upper(g.symbol) collate "C"',
  '-chromosome': 'g.chromosome_rank desc, upper(g.symbol) collate "C"',
  group: 'g.disease_group collate "C", upper(g.symbol) collate "C"',
  '-group': 'g.disease_group collate "C" desc, upper(g.symbol) collate "C"',
  evidence: 'g.evidence_rank, upper(g.symbol) collate "C"',
  '-evidence': 'g.evidence_rank desc, upper(g.symbol) collate "C"',
};

/** What a search text came down to. */
export interface SearchTerms {
  /** In PostgreSQL's tsquery syntax; null when the text has no word that any gene has. */
  tsquery: string | null;
  /** The text's letters and digits, to compare with symbols and aliases. */
  key: string;
}

/** Exact symbol, exact alias, beginning of a symbol; then how well the words fit, weighted by where they stand. */
const relevance = (tsquery: string, key: string) => `
  case when g.symbol_key = ${key} then 3 when ${key} = any(g.alias_keys) then 2
    when starts_with(g.symbol_key, ${key}) then 1 else 0 end desc,
  ts_rank('{0.1, 0.3, 0.6, 1}', g.document, ${tsquery}::tsquery) desc, upper(g.symbol) collate "C"`;

/** Collects the values of a statement while its text is written. */
class Values {
  readonly list: unknown[] = [];

  /** @returns the placeholder of the value */
  add(value: unknown): string {
    this.list.push(value);
    return `$${this.list.length}`;
  }
}

/** Prepared once a connection: the name is made from the text, so equal texts share a plan. */
function prepared(text: string, values: unknown[] = []): QueryConfig {
  return { name: createHash('sha1').update(text).digest('base64url'), text, values };
}

/** Planned anew each time: a plan for any search would not know how common its words are. */
const planned = (text: string, values: unknown[]): QueryConfig => ({ text, values });

/**
 * A search lists so many genes at most, besides those whose symbol or alias is the text itself: what is found is also rated and
 * sorted, so this bounds what the worst search costs. Exports have all.
 */
const maxFound = 1000;

interface Conditions {
  /** The genes of the selection, for a FROM: bounded where that is wanted. */
  source: string;
  orderBy: string;
  values: Values;
}

function writeConditions(selection: Selection, terms: SearchTerms | null, bounded = true): Conditions {
  const values = new Values();
  const tsquery = terms && values.add(terms.tsquery);
  const key = terms && values.add(terms.key);
  const filters = writeFilters(selection, values);
  const select = (...conditions: string[]) => {
    const all = [...filters, ...conditions];
    return `select * from genes g ${all.length > 0 ? `where ${all.join(' and ')}` : ''}`;
  };
  if (tsquery === null || key === null) {
    const orderBy = selection.sort === 'relevance' ? orders.symbol : orders[selection.sort];
    return { source: `(${select()}) as g`, orderBy, values };
  }
  const orderBy = selection.sort === 'relevance' ? relevance(tsquery, key) : orders[selection.sort];
  const exact = `(g.symbol_key = ${key} or g.alias_keys @> array[${key}])`;
  const matching = `g.document @@ ${tsquery}::tsquery`;
  const source = bounded
    ? `(${select(exact)} union all (${select(matching, `not ${exact}`)} limit ${maxFound})) as g`
    : `(${select(`(${matching} or ${exact})`)}) as g`;
  return { source, orderBy, values };
}

function writeFilters({ group, inheritance, chromosome, evidence }: Selection, values: Values): string[] {
  const conditions: string[] = [];
  if (group.length > 0) conditions.push(`g.disease_group = any(${values.add(group)}::text[])`);
  if (inheritance.length > 0) conditions.push(`g.inheritance && ${values.add(inheritance)}::text[]`);
  if (chromosome.length > 0) conditions.push(`g.chromosome = any(${values.add(chromosome)}::text[])`);
  if (evidence.length > 0) conditions.push(`g.evidence = any(${values.add(evidence)}::text[])`);
  return conditions;
}

/** Statement for one page of a selection. */
export function pageStatement(selection: Selection, limit: number, offset: number): QueryConfig {
  const { source, orderBy, values } = writeConditions(selection, null);
  const range = `limit ${values.add(limit)} offset ${values.add(offset)}`;
  return prepared(`select ${geneColumns} from ${source} order by ${orderBy} ${range}`, values.list);
}

/**
 * Statement for one page of a search; `total` on each row counts the whole selection. Finding and rating happen once, on
 * as little of each gene as that takes.
 */
export function searchStatement(
  selection: Selection,
  terms: SearchTerms,
  limit: number,
  offset: number,
): QueryConfig {
  const { source, orderBy, values } = writeConditions(selection, terms);
  const range = `limit ${values.add(limit)} offset ${values.add(offset)}`;
  return planned(
    `select ${geneColumns}, page.total from (
      select g.hgnc_id as id, count(*) over () as total from ${source} order by ${orderBy} ${range}
    ) as page join genes g on g.hgnc_id = page.id order by ${orderBy}`,
    values.list,
  );
}

/** Statement that counts a selection. */
export function countStatement(selection: Selection, terms: SearchTerms | null): QueryConfig {
  const { source, values } = writeConditions(selection, terms);
  return planned(`select count(*) as total from ${source}`, values.list);
}

/** Statement for all genes of a selection, for a cursor. */
export function exportStatement(
  selection: Selection,
  terms: SearchTerms | null,
): { text: string; values: unknown[] } {
  const { source, orderBy, values } = writeConditions(selection, terms, false);
  return { text: `select ${geneColumns} from ${source} order by ${orderBy}`, values: values.list };
}

const isHgncId = (text: string) => /^HGNC:/i.test(text);

/** Statement for one gene by HGNC id or symbol, whatever its case. */
export function geneStatement(symbolOrId: string): QueryConfig {
  return isHgncId(symbolOrId)
    ? prepared(`select ${geneColumns} from genes g where g.hgnc_id = $1`, [symbolOrId.toUpperCase()])
    : prepared(`select ${geneColumns} from genes g where upper(g.symbol) collate "C" = upper($1)`, [
        symbolOrId,
      ]);
}

/** The same, and nobody else may change the gene until the transaction ends. */
export function lockedGeneStatement(symbolOrId: string): QueryConfig {
  const { text, values } = geneStatement(symbolOrId);
  return prepared(`${text} for update`, values);
}

/**
 * Statement that takes a search text apart: its first four words, of which similar words are looked for to three that no gene has, as
 * each of those is compared with all the words there are. Rows, one for each word in order: word, known (some gene has it, or a word
 * that begins with it), candidates (similar words, the likeliest first), and key (the text's letters and digits).
 */
export function wordsStatement(text: string): QueryConfig {
  return prepared(wordsText, [text]);
}

// Similar words are looked for among words of letters alone: in a code such as a symbol, one character more makes it another
// code, and all codes of a series resemble each other.
const wordsText = `
  with asked as materialized (
    select word, place, word_deletes(word) as deletes, word !~ '[0-9]' as spelt,
      case
        when not is_correctable(word) then true
        when exists (select from words where words.word >= asked.word and words.word < asked.word || chr(1114111)) then true
        -- The words of an import are there before they have been counted.
        else exists (select from genes where document @@ (quote_literal(word) || ':*')::tsquery)
      end as known
    from regexp_split_to_table(trim(fold_text($1)), ' ') with ordinality as asked (word, place)
    where word <> '' and place <= 4
  ), counted as (
    select *, count(*) filter (where not known) over (order by place) <= 3 as looked_up from asked
  )
  select asked.word, asked.known, compact_text($1) as key, coalesce(similar_words.list, '{}') as candidates
  from counted as asked
  left join lateral (
    select array_agg(word) as list
    from (
      select word
      from (
        select word, genes, true as near from words where not asked.known and asked.looked_up and words.deletes && asked.deletes
        union
        select word, genes, words.deletes && asked.deletes from words
        where not asked.known and asked.looked_up and asked.spelt and words.word !~ '[0-9]'
          and (words.word % asked.word or asked.word <% words.word)
      ) as alike
      order by near desc, similarity(word, asked.word) desc, genes desc
      limit 24
    ) as likeliest
  ) as similar_words on true
  order by asked.place`;
