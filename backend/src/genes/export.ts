import { Transform, type TransformCallback } from 'node:stream';
import { type GeneRow, toGene } from './repository.ts';
import { formatGeneRow, formatHeader } from './table.ts';

export type ExportFormat = 'csv' | 'tsv' | 'json';

export const mediaTypes: Readonly<Record<ExportFormat, string>> = {
  csv: 'text/csv; charset=utf-8; header=present',
  tsv: 'text/tab-separated-values; charset=utf-8',
  json: 'application/json; charset=utf-8',
};

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
