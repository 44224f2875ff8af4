import { parse } from 'node:querystring';
import type { ListQuery, SortKey } from '../schemas/selection.ts';

/** Which genes are meant, in which order: what a query's parameters come down to. */
export interface Selection {
  /** Search text without superfluous white space; null without a search. */
  q: string | null;
  /** Empty lists filter nothing. */
  group: readonly string[];
  inheritance: readonly string[];
  chromosome: readonly string[];
  evidence: readonly string[];
  sort: SortKey;
}

/**
 * Splits the query part of an address; parameters without a value count as not given, as forms send them.
 *
 * @param text what follows the question mark
 */
export function parseQueryString(text: string): Record<string, string | string[]> {
  const entries = Object.entries(parse(text, '&', '=', { maxKeys: 200 })).map(([name, value]) => {
    const values = (Array.isArray(value) ? value : [value ?? '']).filter((item) => item !== '');
    return [name, values.length === 1 ? values[0] : values] as const;
  });
  return Object.fromEntries(
    entries.filter((entry): entry is [string, string | string[]] => entry[1]?.length !== 0),
  );
}

/** Puts checked parameters into one form: equal selections become equal, however they were written. */
export function normalizeSelection(query: Partial<Omit<ListQuery, 'page' | 'pageSize'>>): Selection {
  const q = normalizeText(query.q ?? '');
  const sort = query.sort ?? (q === null ? 'symbol' : 'relevance');
  return {
    q,
    group: normalizeList(query.group),
    inheritance: normalizeList(query.inheritance),
    chromosome: normalizeList(query.chromosome),
    evidence: normalizeList(query.evidence),
    // Without a search there is nothing to be relevant to.
    sort: q === null && sort === 'relevance' ? 'symbol' : sort,
  };
}

function normalizeText(text: string): string | null {
  // PostgreSQL's texts hold no NUL; lone surrogates are no characters.
  const clean = text.replace(/[\p{Cc}\p{Cs}\s]+/gu, ' ').trim();
  return clean === '' ? null : clean;
}

function normalizeList(values: readonly string[] = []): string[] {
  return [...new Set(values)].sort();
}

/**
 * Writes a selection and a page back as query parameters, leaving out what is the default anyway.
 *
 * @returns the part after the question mark, with parameters in a fixed order; may be empty
 */
export function formatQueryString(selection: Selection, page: number, pageSize: number): string {
  const { q, sort, ...filters } = selection;
  const parameters = new URLSearchParams();
  if (q !== null) parameters.append('q', q);
  for (const [name, values] of Object.entries(filters))
    for (const value of values) parameters.append(name, value);
  if (sort !== (q === null ? 'symbol' : 'relevance')) parameters.append('sort', sort);
  if (page !== 1) parameters.append('page', String(page));
  if (pageSize !== 25) parameters.append('pageSize', String(pageSize));
  return parameters.toString();
}
