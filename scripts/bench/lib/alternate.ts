/**
 * Measures two sides by turns, so that what else the machine does meets both alike. The side that begins changes with
 * each run.
 * @returns what each side gave, in the order of the runs
 */
export async function alternate<T>(
  runs: number,
  sides: { ours: () => Promise<T>; peer: () => Promise<T> },
): Promise<{ ours: T[]; peer: T[] }> {
  const found: { ours: T[]; peer: T[] } = { ours: [], peer: [] };
  for (let index = 0; index < runs; index += 1) {
    const order = index % 2 === 0 ? (['ours', 'peer'] as const) : (['peer', 'ours'] as const);
    for (const side of order) found[side].push(await sides[side]());
  }
  return found;
}

/** How long something takes, in seconds. */
export async function timeSeconds(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return (performance.now() - startedAt) / 1000;
}
