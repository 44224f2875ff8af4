import { readFile } from 'node:fs/promises';
import type { Client } from 'pg';
import { resourceUrl } from '../resources.ts';

interface SeedFile {
  diseaseGroups: unknown[];
  genes: unknown[];
}

const insertGroups = `
  insert into disease_groups (slug, name, description)
  select slug, name, coalesce(description, '')
  from jsonb_to_recordset($1::jsonb) as seed (slug text, name text, description text)`;

const insertGenes = `
  insert into genes (hgnc_id, symbol, name, aliases, chromosome, band, inheritance, disease_group, evidence,
    evidence_source, evidence_date, evidence_url, diseases)
  select "hgncId", symbol, name, coalesce(aliases, '{}'), chromosome, coalesce(band, ''), coalesce(inheritance, '{}'),
    "diseaseGroup", evidence, "evidenceSource", "evidenceDate", "evidenceUrl", coalesce(diseases, '[]')
  from jsonb_to_recordset($1::jsonb) as seed (
    "hgncId" text, symbol text, name text, aliases text[], chromosome text, band text, inheritance text[],
    "diseaseGroup" text, evidence text, "evidenceSource" text, "evidenceDate" text, "evidenceUrl" text, diseases jsonb)`;

/**
 * Loads the shipped genes (data/genes.json) into a database that has never had any. Runs once in a database's life:
 * a mark stays, so genes that an operator imported, or deleted, are left alone.
 *
 * @returns how many genes were loaded, 0 when it was done before
 */
export async function seed(client: Client): Promise<number> {
  await client.query('begin');
  try {
    const count = await seedInTransaction(client);
    await client.query('commit');
    return count;
  } catch (error) {
    await client.query('rollback');
    throw error;
  }
}

async function seedInTransaction(client: Client): Promise<number> {
  const { rowCount } = await client.query('update data_state set seeded_at = now() where seeded_at is null');
  if (rowCount === 0) return 0;
  const { rows } = await client.query('select from genes union all select from disease_groups limit 1');
  if (rows.length > 0) return 0;
  const file = JSON.parse(await readFile(resourceUrl('data/genes.json'), 'utf8')) as SeedFile;
  await client.query(insertGroups, [JSON.stringify(file.diseaseGroups)]);
  const inserted = await client.query(insertGenes, [JSON.stringify(file.genes)]);
  return inserted.rowCount ?? 0;
}
