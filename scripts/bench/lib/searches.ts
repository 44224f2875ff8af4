const WORDS = [
  'renl dysplasia',
  'podocyte kinase',
  'tubular acidos',
  'glomerular sclerosis',
  'urinary reflux',
];

/** What people type: symbols, aliases, words of names and diseases, unfinished and misspelt ones; 400 different ones. */
export function listSearches(genes: number): string[] {
  return Array.from({ length: 80 }, (_, index) => {
    const gene = (index * 7919) % genes;
    return [
      `GEN${gene}`,
      `alias${gene}`,
      `collagen ${index}`,
      `${WORDS[index % WORDS.length]} ${index}`,
      `syndrome type ${index}`,
    ];
  })
    .flat()
    .map(toPath);
}

/** The same kinds with numbers that `listSearches` has not; 17,100 different ones, of which none is in memory. */
export function listFreshSearches(): string[] {
  const numbers = Array.from({ length: 1900 }, (_, index) => 100 + index);
  const starts = ['gen', 'alias ', 'collagen ', 'syndrome type ', ...WORDS.map((words) => `${words} `)];
  return numbers.flatMap((number) => starts.map((start) => toPath(`${start}${number}`)));
}

/** One of `fresh` after each nine of `known`, until there are no more. */
export function mixPaths(known: readonly string[], fresh: readonly string[]): string[] {
  return fresh.flatMap((path, index) => [
    ...Array.from({ length: 9 }, (_, place) => known[(index * 9 + place) % known.length] ?? path),
    path,
  ]);
}

function toPath(q: string): string {
  return `/api/v1/genes?${new URLSearchParams({ q })}`;
}
