import { setImmediate as turn } from 'node:timers/promises';

/** What is sorted in one turn takes some milliseconds: others get theirs between. */
const runLength = 8192;

/** Sorts texts by their UTF-16 code units, with a turn of the event loop for everybody else now and then. */
export async function sortInTurns(texts: readonly string[]): Promise<string[]> {
  let runs: string[][] = [];
  for (let from = 0; from < texts.length; from += runLength) {
    runs.push(texts.slice(from, from + runLength).sort());
    await turn();
  }
  while (runs.length > 1) {
    const merged: string[][] = [];
    for (let at = 0; at < runs.length; at += 2) merged.push(await merge(runs[at] ?? [], runs[at + 1] ?? []));
    runs = merged;
  }
  return runs[0] ?? [];
}

async function merge(a: readonly string[], b: readonly string[]): Promise<string[]> {
  const merged: string[] = [];
  for (let i = 0, j = 0; i < a.length || j < b.length; ) {
    const [one, other] = [a[i], b[j]];
    if (other === undefined || (one !== undefined && one <= other)) {
      merged.push(one as string);
      i += 1;
    } else {
      merged.push(other);
      j += 1;
    }
    if (merged.length % runLength === 0) await turn();
  }
  return merged;
}
