import { geneColumns } from '../../../backend/src/genes/sql.ts';
import { formatGeneRow, formatHeader } from '../../../backend/src/genes/table.ts';
import type { GeneContent } from '../../../backend/src/schemas/gene.ts';

/** A script of psql: each gene as JSON on a line of its own, fetched in portions. */
export const exportScript = `\\set FETCH_COUNT 1000
select row_to_json(gene) from (select ${geneColumns} from genes g order by upper(g.symbol) collate "C") as gene;
`;

/** What that script printed, as a table. @returns its text, and how many rows it has */
export function formatExport(printed: string, format: 'csv' | 'tsv'): { text: string; rows: number } {
  const lines = printed.split('\n').filter((line) => line !== '');
  const rows = lines.map((line) => formatGeneRow(JSON.parse(line) as GeneContent, format));
  return { text: formatHeader(format) + rows.join(''), rows: rows.length };
}
