import { createHash } from 'node:crypto';
import type { QueryConfig } from 'pg';

const writeColumns = (
  updatedAt: string,
) => `g.symbol, g.hgnc_id as "hgncId", g.name, g.aliases, g.chromosome, g.band, g.inheritance,
  g.disease_group as "diseaseGroup", g.evidence, g.evidence_source as "evidenceSource",
  g.evidence_date as "evidenceDate", g.evidence_url as "evidenceUrl", g.diseases, ${updatedAt} as "updatedAt", g.seq`;

/** Columns of a gene under the names of the API. */
export const geneColumns = writeColumns('g.updated_at');

/** The same with the time as the API writes it. */
const writtenColumns = writeColumns(
  `to_char(g.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`,
);

/** Prepared once a connection: the name is made from the text, so equal texts share a plan. */
function prepared(text: string, values: unknown[]): QueryConfig {
  return { name: createHash('sha1').update(text).digest('base64url'), text, values };
}

const wanted = `from unnest($1::text[]) with ordinality as wanted (id, place)
  join genes g on g.hgnc_id = wanted.id order by wanted.place`;

/** Statement for some genes, in the order of their ids. */
export function genesStatement(hgncIds: readonly string[]): QueryConfig {
  return prepared(`select ${geneColumns} ${wanted}`, [hgncIds]);
}

/** The same as JSON: what is only passed on need not be taken apart and put together again. */
export function writtenGenesStatement(hgncIds: readonly string[]): QueryConfig {
  const written = `(select row_to_json(gene) from (select ${writtenColumns}) as gene)::text as json`;
  return prepared(`select ${written} ${wanted}`, [hgncIds]);
}

const isHgncId = (text: string) => /^HGNC:/i.test(text);

/** Statement for one gene by HGNC id or symbol, whatever its case. */
export function geneStatement(symbolOrId: string): QueryConfig {
  return isHgncId(symbolOrId)
    ? prepared(`select ${geneColumns} from genes g where g.hgnc_id = $1`, [symbolOrId.toUpperCase()])
    : prepared(`select ${geneColumns} from genes g where upper(g.symbol) collate "C" = upper($1)`, [
        symbolOrId,
      ]);
}

/** The same, and nobody else may change the gene until the transaction ends. */
export function lockedGeneStatement(symbolOrId: string): QueryConfig {
  const { text, values = [] } = geneStatement(symbolOrId);
  return prepared(`${text} for update`, values);
}
