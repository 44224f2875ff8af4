import { createHash } from 'node:crypto';
import type { QueryConfig } from 'pg';

/** Columns of a gene under the names of the API. */
export const geneColumns = `g.symbol, g.hgnc_id as "hgncId", g.name, g.aliases, g.chromosome, g.band, g.inheritance,
  g.disease_group as "diseaseGroup", g.evidence, g.evidence_source as "evidenceSource",
  g.evidence_date as "evidenceDate", g.evidence_url as "evidenceUrl", g.diseases, g.updated_at as "updatedAt", g.seq`;

/** Prepared once a connection: the name is made from the text, so equal texts share a plan. */
function prepared(text: string, values: unknown[]): QueryConfig {
  return { name: createHash('sha1').update(text).digest('base64url'), text, values };
}

/** Statement for some genes, in the order of their ids. */
export function genesStatement(hgncIds: readonly string[]): QueryConfig {
  return prepared(
    `select ${geneColumns} from unnest($1::text[]) with ordinality as wanted (id, place)
    join genes g on g.hgnc_id = wanted.id order by wanted.place`,
    [hgncIds],
  );
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
