import type { TestStack } from '../e2e/harness.ts';
import type { Asked } from './outage.ts';

/**
 * Compares the edits that were acknowledged to their users with what the database holds.
 * @param asked every request of the users
 * @returns the acknowledged edits, and those of them that are lost
 */
export async function compareLedger(
  stack: TestStack,
  asked: readonly Asked[],
): Promise<{ acknowledged: number; lost: string[] }> {
  const edits = asked.flatMap(({ edit }) => (edit ? [edit] : []));
  if (edits.length === 0) return { acknowledged: 0, lost: [] };
  const [recorded, genes] = await Promise.all([readRecorded(stack), readGenes(stack)]);
  const lost = edits.filter((edit) => {
    const gene = genes.get(edit.symbol);
    // A later edit may have taken the gene's place; its number in the list of changes stays.
    const overtaken = gene !== undefined && gene.seq > edit.seq;
    return !recorded.has(edit.seq) || !(overtaken || (gene?.seq === edit.seq && gene.name === edit.name));
  });
  return { acknowledged: edits.length, lost: lost.map(({ symbol, name }) => `${symbol}: ${name}`) };
}

async function readRecorded(stack: TestStack): Promise<Set<number>> {
  return new Set((await stack.sql('SELECT seq FROM changes')).split('\n').map(Number));
}

async function readGenes(stack: TestStack): Promise<Map<string, { seq: number; name: string }>> {
  const rows = (await stack.sql('SELECT symbol, seq, name FROM genes')).split('\n');
  return new Map(
    rows.map((row) => {
      const [symbol = '', seq = '', name = ''] = row.split('|');
      return [symbol, { seq: Number(seq), name }];
    }),
  );
}
