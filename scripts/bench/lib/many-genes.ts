import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatGeneRow, formatHeader } from '../../../backend/src/genes/table.ts';
import { generateGene } from '../../lib/app/generated-genes.ts';
import type { TestStack } from '../../test/e2e/harness.ts';
import { timeSeconds } from './alternate.ts';

/** How many genes searches are measured with. */
export const GENES = 50_000;

/** Loads genes that do not exist as an operator would. @returns how long that took, in seconds */
export async function importGenes(stack: TestStack): Promise<number> {
  const file = join(stack.tmp, 'genes.csv');
  const rows = Array.from({ length: GENES }, (_, index) => formatGeneRow(generateGene(index), 'csv'));
  writeFileSync(file, formatHeader('csv') + rows.join(''));
  const seconds = await timeSeconds(() => stack.mustScript('data-import', [file]));
  await stack.sql('vacuum analyze');
  return seconds;
}
