import { formatRow } from '../lib/delimited.ts';
import type { Gene, GeneContent } from '../schemas/gene.ts';

/** The columns of a table of genes, which are the fields of a gene. */
export const columns = [
  'symbol',
  'hgncId',
  'name',
  'aliases',
  'chromosome',
  'band',
  'inheritance',
  'diseaseGroup',
  'evidence',
  'evidenceSource',
  'evidenceDate',
  'evidenceUrl',
  'diseases',
] as const;

/** The first row of a table. */
export function formatHeader(format: 'csv' | 'tsv'): string {
  return formatRow(columns, format === 'csv' ? ',' : '\t');
}

/**
 * Writes a gene as a row of a table. Lists are joined by ` | `; a disease is `Name {OMIM:173900; ORPHA:730; AD; AR}`, its
 * braces left out when it has neither ids nor inheritance. None of the separators may occur in aliases and names.
 */
export function formatGeneRow(gene: GeneContent, format: 'csv' | 'tsv'): string {
  const cells = columns.map((column) => {
    if (column === 'diseases') return gene.diseases.map(formatDisease).join(' | ');
    const value = gene[column];
    return Array.isArray(value) ? value.join(' | ') : (value ?? '');
  });
  return formatRow(cells, format === 'csv' ? ',' : '\t');
}

function formatDisease({ name, omimId, orphaId, inheritance }: Gene['diseases'][number]): string {
  const facts = [omimId, orphaId, ...inheritance].filter((fact) => fact !== null);
  return facts.length > 0 ? `${name} {${facts.join('; ')}}` : name;
}
