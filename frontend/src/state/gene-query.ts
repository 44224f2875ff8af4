import type { LocationQuery, LocationQueryRaw } from 'vue-router';
import { type ColumnId, isColumnId } from './columns.ts';
import { CHROMOSOMES, EVIDENCE, INHERITANCE } from './vocabulary.ts';

const SORT_FIELDS = ['symbol', 'name', 'chromosome', 'group', 'evidence'] as const;
export type SortField = (typeof SORT_FIELDS)[number];
/** A field, "-" before it for descending; relevance only has a meaning together with a search. */
export type Sort = SortField | `-${SortField}` | 'relevance';

export const PAGE_SIZES: readonly number[] = [25, 50, 100, 200];
const DEFAULT_PAGE_SIZE = 25;
const MAX_QUERY_LENGTH = 200;

export const FILTERS = ['group', 'inheritance', 'chromosome', 'evidence'] as const;
export type FilterName = (typeof FILTERS)[number];

/** Everything about the table that its address holds. */
export interface GeneQuery extends Record<FilterName, string[]> {
  q: string;
  sort: Sort;
  page: number;
  pageSize: number;
  /** Null: the reader's own choice, or the default. */
  columns: ColumnId[] | null;
}

/** The order of a table whose address names none: by relevance when something is searched for, else by symbol. */
export function defaultSort(q: string): Sort {
  return q === '' ? 'symbol' : 'relevance';
}

/**
 * Reads the state from an address. What it does not know it leaves out, so that an old or mistyped link still shows
 * a table.
 */
export function parseGeneQuery(query: LocationQuery): GeneQuery {
  const q = (values(query.q)[0] ?? '').slice(0, MAX_QUERY_LENGTH);
  const columns = (values(query.columns)[0] ?? '').split(',').filter(isColumnId);
  const pageSize = Number(values(query.pageSize)[0]);
  return {
    q,
    group: values(query.group).filter((slug) => /^[a-z0-9-]{1,64}$/.test(slug)),
    inheritance: known(values(query.inheritance), INHERITANCE),
    chromosome: values(query.chromosome).filter((name) => CHROMOSOMES.includes(name)),
    evidence: known(values(query.evidence), EVIDENCE),
    sort: parseSort(values(query.sort)[0], q),
    page: parsePage(values(query.page)[0]),
    pageSize: PAGE_SIZES.includes(pageSize) ? pageSize : DEFAULT_PAGE_SIZE,
    columns: columns.length > 0 ? [...new Set(columns)] : null,
  };
}

/** Writes the state as the query of an address, leaving out what is the default. */
export function toLocationQuery(state: GeneQuery): LocationQueryRaw {
  const query: LocationQueryRaw = {};
  if (state.q !== '') query.q = state.q;
  for (const name of FILTERS) if (state[name].length > 0) query[name] = state[name];
  if (state.sort !== defaultSort(state.q)) query.sort = state.sort;
  if (state.page > 1) query.page = String(state.page);
  if (state.pageSize !== DEFAULT_PAGE_SIZE) query.pageSize = String(state.pageSize);
  if (state.columns) query.columns = state.columns.join(',');
  return query;
}

/** The search and the filters as parameters of the API: what the export takes. */
export function toFilterParams(state: GeneQuery): URLSearchParams {
  const params = new URLSearchParams();
  const q = state.q.trim();
  if (q !== '') params.set('q', q);
  for (const name of FILTERS) for (const value of state[name]) params.append(name, value);
  return params;
}

/** All parameters of the API for one page of the table. */
export function toApiParams(state: GeneQuery): URLSearchParams {
  const params = toFilterParams(state);
  params.set('sort', params.has('q') || state.sort !== 'relevance' ? state.sort : 'symbol');
  params.set('page', String(state.page));
  params.set('pageSize', String(state.pageSize));
  return params;
}

/**
 * The state after a change by the reader. Whatever changes the selection or its order starts at the first page again;
 * a sort that only repeats the default follows the search as it comes and goes.
 */
export function withChange(state: GeneQuery, change: Partial<GeneQuery>): GeneQuery {
  const next = { ...state, ...change };
  const onlyView = Object.keys(change).every((key) => key === 'page' || key === 'columns');
  if (!onlyView) next.page = 1;
  if (change.q !== undefined && change.sort === undefined) {
    if (state.sort === defaultSort(state.q) || next.q === '') next.sort = defaultSort(next.q);
  }
  return next;
}

/** How many filters narrow the table, the search not counted. */
export function filterCount(state: GeneQuery): number {
  return FILTERS.reduce((sum, name) => sum + state[name].length, 0);
}

function values(value: LocationQuery[string] | undefined): string[] {
  const list = Array.isArray(value) ? value : [value];
  return [...new Set(list.filter((item) => typeof item === 'string' && item !== ''))] as string[];
}

function known(list: string[], terms: readonly { value: string }[]): string[] {
  return list.filter((value) => terms.some((term) => term.value === value));
}

function parseSort(value: string | undefined, q: string): Sort {
  const field = value?.replace(/^-/, '');
  const valid = SORT_FIELDS.some((name) => name === field) || (value === 'relevance' && q !== '');
  return valid ? (value as Sort) : defaultSort(q);
}

function parsePage(value: string | undefined): number {
  return value !== undefined && /^[1-9]\d{0,5}$/.test(value) ? Number(value) : 1;
}
