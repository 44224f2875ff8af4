import { describe, expect, it } from 'vitest';
import {
  type GeneQuery,
  parseGeneQuery,
  toApiParams,
  toFilterParams,
  toLocationQuery,
  withChange,
} from '../src/state/gene-query.ts';

const EMPTY: GeneQuery = {
  q: '',
  group: [],
  inheritance: [],
  chromosome: [],
  evidence: [],
  sort: 'symbol',
  page: 1,
  pageSize: 25,
  columns: null,
};

describe('parseGeneQuery', () => {
  it('is the default for an empty address', () => {
    expect(parseGeneQuery({})).toEqual(EMPTY);
  });

  it.each<[string, Parameters<typeof parseGeneQuery>[0], Partial<GeneQuery>]>([
    ['a search sorts by relevance', { q: 'pkd' }, { q: 'pkd', sort: 'relevance' }],
    ['one filter value', { inheritance: 'AD' }, { inheritance: ['AD'] }],
    ['several filter values, repeats once', { chromosome: ['1', 'X', '1'] }, { chromosome: ['1', 'X'] }],
    [
      'an unknown code is left out',
      { inheritance: ['AD', 'nonsense'], evidence: 'great' },
      { inheritance: ['AD'] },
    ],
    ['a group by its form', { group: ['cystic', '../etc'] }, { group: ['cystic'] }],
    ['a descending sort', { sort: '-name' }, { sort: '-name' }],
    ['an unknown sort', { sort: 'colour' }, {}],
    ['relevance without a search means nothing', { sort: 'relevance' }, {}],
    ['a page', { page: '3', pageSize: '100' }, { page: 3, pageSize: 100 }],
    ['a page that is none', { page: '-1', pageSize: '7' }, {}],
    ['a page with a fraction', { page: '2.5' }, {}],
    [
      'columns in any order',
      { columns: 'evidence,name,evidence,nothing' },
      { columns: ['evidence', 'name'] },
    ],
    ['no known column', { columns: 'nothing' }, {}],
    ['a parameter without a value', { q: null, group: [null] }, {}],
    ['a search of any length is cut', { q: 'x'.repeat(500) }, { q: 'x'.repeat(200), sort: 'relevance' }],
  ])('%s', (_, query, expected) => {
    expect(parseGeneQuery(query)).toEqual({ ...EMPTY, ...expected });
  });
});

describe('toLocationQuery', () => {
  it('writes nothing for the default', () => {
    expect(toLocationQuery(EMPTY)).toEqual({});
  });

  it('is read back as it was', () => {
    const state: GeneQuery = {
      q: 'alport',
      group: ['glomerular'],
      inheritance: ['AD', 'XL'],
      chromosome: ['X'],
      evidence: ['strong'],
      sort: '-evidence',
      page: 4,
      pageSize: 50,
      columns: ['name', 'aliases'],
    };
    const query = toLocationQuery(state) as Parameters<typeof parseGeneQuery>[0];
    expect(parseGeneQuery(query)).toEqual(state);
  });
});

describe('toApiParams', () => {
  it('repeats a filter and always names order and page', () => {
    const params = toApiParams({
      ...EMPTY,
      q: ' pkd ',
      sort: 'relevance',
      inheritance: ['AD', 'AR'],
      page: 2,
    });
    expect(params.toString()).toBe('q=pkd&inheritance=AD&inheritance=AR&sort=relevance&page=2&pageSize=25');
  });

  it('does not ask for relevance when the search is only blanks', () => {
    expect(toApiParams({ ...EMPTY, q: '  ', sort: 'relevance' }).get('sort')).toBe('symbol');
  });

  it('gives the export the selection without order and page', () => {
    expect(toFilterParams({ ...EMPTY, group: ['cystic'], page: 9 }).toString()).toBe('group=cystic');
  });
});

describe('withChange', () => {
  const deep: GeneQuery = { ...EMPTY, page: 5 };

  it.each<[string, GeneQuery, Partial<GeneQuery>, Partial<GeneQuery>]>([
    ['a filter starts at the first page', deep, { group: ['cystic'] }, { group: ['cystic'], page: 1 }],
    ['an order starts at the first page', deep, { sort: 'name' }, { sort: 'name', page: 1 }],
    ['a page is a page', deep, { page: 6 }, { page: 6 }],
    ['columns stay on the page', deep, { columns: ['name'] }, { columns: ['name'], page: 5 }],
    ['a search brings its order', EMPTY, { q: 'a' }, { q: 'a', sort: 'relevance' }],
    ['a chosen order outlives a search', { ...EMPTY, sort: 'name' }, { q: 'a' }, { q: 'a', sort: 'name' }],
    [
      'the end of a search ends its order',
      { ...EMPTY, q: 'a', sort: 'relevance' },
      { q: '' },
      { sort: 'symbol' },
    ],
  ])('%s', (_, state, change, expected) => {
    expect(withChange(state, change)).toEqual({ ...state, q: '', sort: state.sort, ...change, ...expected });
  });
});
