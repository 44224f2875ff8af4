import { Transform, type TransformCallback } from 'node:stream';
import { formatRow } from '../lib/delimited.ts';
import type { Gene } from '../schemas/gene.ts';
import { type GeneRow, toGene } from './repository.ts';

export type ExportFormat = 'csv' | 'tsv' | 'json';

export const mediaTypes: Readonly<Record<ExportFormat, string>> = {
  csv: 'text/csv; charset=utf-8; header=present',
  tsv: 'text/tab-separated-values; charset=utf-8',
  json: 'application/json; charset=utf-8',
};

const columns = [
  'symbol',
  'hgncId',
  'name',
  'aliases',
  'chromosome',
  'band',
  'inheritance',
  'diseaseGroup',
  'evidence',
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
export function formatGeneRow(gene: Omit<Gene, 'updatedAt' | 'seq'>, format: 'csv' | 'tsv'): string {
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

/** Turns rows of the database into the text of an export, as they come. */
export class GeneWriter extends Transform {
  readonly #format: ExportFormat;
  #rows = 0;

  constructor(format: ExportFormat) {
    super({ writableObjectMode: true, writableHighWaterMark: 64 });
    this.#format = format;
    this.push(format === 'json' ? '[' : formatHeader(format));
  }

  override _transform(row: GeneRow, _encoding: BufferEncoding, done: TransformCallback): void {
    const gene = toGene(row);
    const text =
      this.#format === 'json'
        ? `${this.#rows > 0 ? ',' : ''}\n${JSON.stringify(gene)}`
        : formatGeneRow(gene, this.#format);
    this.#rows += 1;
    done(null, text);
  }

  override _flush(done: TransformCallback): void {
    done(null, this.#format === 'json' ? '\n]\n' : '');
  }
}
