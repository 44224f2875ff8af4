import type { Pool } from 'pg';

/** Statements about all genes at once. */
interface Count {
  key: string;
  count: number;
}

export interface Overview {
  genes: number;
  diseases: number;
  byGroup: Count[];
  byInheritance: Count[];
  byChromosome: Count[];
  byEvidence: Count[];
  evidenceSources: { source: string | null; date: string | null; count: number }[];
  updatedAt: Date;
}

const counts = (
  grouped: string,
) => `(select coalesce(json_agg(json_build_object('key', key, 'count', count) order by place, key), '[]')
  from (${grouped}) as counted)`;

const overviewText = `
  select
    (select count(*) from genes) as genes,
    (select count(distinct coalesce(disease ->> 'omimId', disease ->> 'orphaId', lower(disease ->> 'name')))
      from genes, jsonb_array_elements(diseases) as disease) as diseases,
    ${counts(`select disease_group as key, -count(*) as place, count(*) from genes group by disease_group`)} as "byGroup",
    ${counts(`select code as key, -count(*) as place, count(*) from genes, unnest(inheritance) as code group by code`)} as "byInheritance",
    ${counts(`select chromosome as key, min(chromosome_rank) as place, count(*) from genes group by chromosome`)} as "byChromosome",
    ${counts(`select coalesce(evidence, 'none') as key, min(evidence_rank) as place, count(*) from genes group by evidence`)} as "byEvidence",
    (select coalesce(json_agg(counted), '[]') from (
      select evidence_source as source, evidence_date as date, count(*) from genes where evidence is not null
      group by 1, 2 order by count(*) desc, 1, 2 limit 50) as counted) as "evidenceSources",
    (select changed_at from data_state) as "updatedAt"`;

/** Counts genes and diseases, and genes by group, inheritance (the most frequent first), chromosome and evidence. */
export async function readOverview(pool: Pool): Promise<Overview> {
  const { rows } = await pool.query<Overview>({ name: 'overview', text: overviewText });
  if (rows[0] === undefined) throw new Error('the overview has no row');
  return rows[0];
}

export interface GroupRow {
  slug: string;
  name: string;
  description: string;
  genes: number;
}

const groupsText = `
  select slug, name, description, (select count(*) from genes where disease_group = slug) as genes
  from disease_groups order by lower(name) collate "C"`;

/** Reads the disease groups by name, each with its number of genes. */
export async function readGroups(pool: Pool): Promise<GroupRow[]> {
  return (await pool.query<GroupRow>({ name: 'groups', text: groupsText })).rows;
}
