import { DatabaseError, type Pool, type PoolClient } from 'pg';
import { Problem } from '../lib/problem.ts';
import type { Gene, GeneEdit } from '../schemas/gene.ts';
import { geneColumns, geneStatement, lockedGeneStatement, writtenGenesStatement } from './sql.ts';

/** A gene as PostgreSQL returns it. */
export type GeneRow = Omit<Gene, 'updatedAt'> & { updatedAt: Date | string };

/** Gives a row the form that the API answers with. */
export function toGene(row: GeneRow): Gene {
  return { ...row, updatedAt: new Date(row.updatedAt).toISOString() };
}

/** Reads genes in the order of their ids; not those that are gone. @returns each as JSON */
export async function readGenesAsJson(pool: Pool, hgncIds: readonly string[]): Promise<string[]> {
  if (hgncIds.length === 0) return [];
  const { rows } = await pool.query<{ json: string }>(writtenGenesStatement(hgncIds));
  return rows.map(({ json }) => json);
}

/** Finds a gene by symbol or HGNC id, whatever the case; null when there is none. */
export async function findGene(pool: Pool, symbolOrId: string): Promise<Gene | null> {
  const { rows } = await pool.query<GeneRow>(geneStatement(symbolOrId));
  return rows[0] === undefined ? null : toGene(rows[0]);
}

const columnsOfFields: Readonly<Record<keyof GeneEdit, string>> = {
  name: 'name',
  aliases: 'aliases',
  chromosome: 'chromosome',
  band: 'band',
  inheritance: 'inheritance',
  diseaseGroup: 'disease_group',
  evidence: 'evidence',
  evidenceSource: 'evidence_source',
  evidenceDate: 'evidence_date',
  evidenceUrl: 'evidence_url',
  diseases: 'diseases',
};

/**
 * Edits a gene in one transaction; other writers wait.
 *
 * @param isExpected looks at the gene as it is; when it says no, nothing is edited
 * @returns the gene after the edit, or null when there is none of that symbol or id
 * @throws Problem when the gene is not as expected or its disease group does not exist
 */
export async function editGene(
  pool: Pool,
  symbolOrId: string,
  edit: GeneEdit,
  isExpected: (gene: Gene) => boolean,
): Promise<Gene | null> {
  const client = await pool.connect();
  let failure: unknown;
  try {
    await client.query('begin');
    // First what every writer locks first: so that no two wait for each other.
    await client.query('select from data_state for update');
    const { rows } = await client.query<GeneRow>(lockedGeneStatement(symbolOrId));
    const gene = rows[0] === undefined ? null : toGene(rows[0]);
    if (gene !== null && !isExpected(gene)) {
      throw new Problem('precondition-failed', `${gene.symbol} was changed in the meantime.`);
    }
    const edited = gene && (await applyEdit(client, gene, edit));
    await client.query('commit');
    return edited;
  } catch (error) {
    failure = error;
    await client.query('rollback').catch(() => {});
    throw explainRefusal(error);
  } finally {
    client.release(failure instanceof Error && !(failure instanceof Problem) ? failure : undefined);
  }
}

async function applyEdit(client: PoolClient, gene: Gene, edit: GeneEdit): Promise<Gene> {
  const fields = Object.entries(withOwnSource(gene, edit)).filter((entry) => entry[1] !== undefined) as [
    keyof GeneEdit,
    unknown,
  ][];
  const assignments = fields.map(([field], index) => `${columnsOfFields[field]} = $${index + 2}`);
  const values = fields.map(([field, value]) => (field === 'diseases' ? JSON.stringify(value) : value));
  const { rows } = await client.query<GeneRow>(
    `update genes g set ${assignments.join(', ')} where g.hgnc_id = $1 returning ${geneColumns}`,
    [gene.hgncId, ...values],
  );
  // An edit that changes nothing updates no row.
  return rows[0] === undefined ? gene : toGene(rows[0]);
}

/** A class that is given anew comes with its own source, or with none: the old one has not said it. */
function withOwnSource(gene: Gene, edit: GeneEdit): GeneEdit {
  if (edit.evidence === undefined || edit.evidence === gene.evidence) return edit;
  return { evidenceSource: null, evidenceDate: null, evidenceUrl: null, ...edit };
}

const foreignKeyViolation = '23503';

function explainRefusal(error: unknown): unknown {
  if (!(error instanceof DatabaseError) || error.code !== foreignKeyViolation) return error;
  const detail = 'is not a disease group';
  return new Problem('invalid-parameter', `diseaseGroup ${detail}.`, {
    errors: [{ parameter: 'diseaseGroup', detail }],
  });
}
