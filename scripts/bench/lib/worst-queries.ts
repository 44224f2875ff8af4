import { chromosomes, evidenceClasses, inheritanceCodes } from '../../../backend/src/schemas/gene.ts';

/** Numbers from 0 up to 1, the same for the same seed. */
export type Random = () => number;

/** One question to the API. */
export interface Query {
  path: string;
  words: readonly string[];
  /** Everything but the words. */
  parameters: readonly (readonly [name: string, value: string])[];
}

const KNOWN = [
  ...'renal tubular glomerular podocyte collecting cystic urinary vascular collagen channel receptor factor kinase'.split(
    ' ',
  ),
  ...'dysplasia nephropathy acidosis syndrome sclerosis reflux stones another type family member alias omim hgnc'.split(
    ' ',
  ),
  ...[
    'gen',
    'gen1',
    'gen42',
    'gen49999',
    'alias777',
    '1',
    '7',
    '42',
    '977',
    '1000001',
    '100042',
    'ad',
    'ar',
    'digenic',
  ],
];
const LETTERS = 'abcdefghijklmnopqrstuvwxyz0123456789éß☃-';
const SORTS = ['relevance', 'symbol', 'name', 'chromosome', 'group', 'evidence'].flatMap((key) =>
  key === 'relevance' ? [key] : [key, `-${key}`],
);
const MAX_TEXT = 200;

/** Numbers from a seed (mulberry32). */
export function seededRandom(seed: number): Random {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const pick = <T>(list: readonly T[], random: Random): T => list[Math.floor(random() * list.length)] as T;
const below = (most: number, random: Random) => Math.floor(random() * most);

/** A word as a client may write it: whole, unfinished, misspelt, or of any letters. */
function makeWord(random: Random): string {
  const word = pick(KNOWN, random);
  const at = below(word.length, random);
  const ways = [
    word,
    word.slice(0, 1 + at),
    word.slice(0, at) + pick([...LETTERS], random) + word.slice(at + 1),
    word.slice(0, at) + word.slice(at + 1),
    `gen${below(60_000, random)}${pick(['', '', 'x'], random)}`,
    Array.from({ length: 1 + below(random() < 0.1 ? 150 : 12, random) }, () =>
      pick([...LETTERS], random),
    ).join(''),
  ];
  return pick(ways, random);
}

function makeParameter(random: Random): readonly [string, string] {
  const all: readonly (readonly [string, readonly string[]])[] = [
    ['group', ['cystic', 'tubulopathy', 'glomerular', 'nosuch']],
    ['inheritance', inheritanceCodes],
    ['chromosome', chromosomes],
    ['evidence', evidenceClasses],
    ['sort', SORTS],
    ['page', ['1', '2', '40', '250', '2000', '50000', '100000']],
    ['pageSize', ['1', '25', '200', '200', '200']],
  ];
  const [name, values] = pick(all, random);
  return [name, pick(values, random)];
}

/** A random question: mostly to the list, now and then to one of the other addresses. */
export function makeQuery(random: Random): Query {
  const way = random();
  if (way < 0.05)
    return {
      path: pick(['/statistics', '/disease-groups', '/meta', '/site', '/genes/gen77'], random),
      words: [],
      parameters: [],
    };
  if (way < 0.1) {
    const since: [string, string] = ['since', String(below(60_000, random))];
    return { path: '/changes', words: [], parameters: [since, ['limit', pick(['100', '1000'], random)]] };
  }
  const words = Array.from({ length: below(10, random) }, () => makeWord(random));
  const parameters = Array.from({ length: below(6, random) }, () => makeParameter(random));
  return { path: '/genes', words, parameters };
}

/** A question that differs from another in one thing or two. */
export function changeQuery(query: Query, random: Random): Query {
  if (query.path === '/changes')
    return {
      ...query,
      parameters: [
        ['since', String(below(60_000, random))],
        ['limit', '1000'],
      ],
    };
  if (query.path !== '/genes') return makeQuery(random);
  const words = [...query.words];
  const parameters = [...query.parameters];
  const ways = [
    () => words.splice(below(words.length + 1, random), 0, makeWord(random)),
    () => words.splice(below(words.length, random), 1),
    () => words.splice(below(words.length, random), 1, makeWord(random)),
    () => parameters.push(makeParameter(random)),
    () => parameters.splice(below(parameters.length, random), 1),
    () => parameters.push(['pageSize', '200']),
  ];
  for (let changes = 1 + below(2, random); changes > 0; changes -= 1) pick(ways, random)();
  return { path: query.path, words, parameters };
}

/** Its address, which the API takes: one value of what may stand once, and a text that is not too long. */
export function toAddress({ path, words, parameters }: Query): string {
  const search = new URLSearchParams();
  const q = words.join(' ').slice(0, MAX_TEXT);
  if (q !== '') search.append('q', q);
  for (const [name, value] of parameters) {
    if (['sort', 'page', 'pageSize', 'since', 'limit'].includes(name)) search.set(name, value);
    else if (!search.getAll(name).includes(value)) search.append(name, value);
  }
  return `/api/v1${path}${search.size > 0 ? `?${search}` : ''}`;
}
