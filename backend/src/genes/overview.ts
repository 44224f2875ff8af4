import type { Pool } from 'pg';
import type { Count } from '../search/facets.ts';

export interface GroupRow {
  slug: string;
  name: string;
  description: string;
  genes: number;
}

const groupsText = 'select slug, name, description from disease_groups order by lower(name) collate "C"';

/**
 * Reads the disease groups by name, each with its number of genes.
 *
 * @param counts of the groups that have genes
 */
export async function readGroups(pool: Pool, counts: readonly Count[]): Promise<GroupRow[]> {
  const { rows } = await pool.query<Omit<GroupRow, 'genes'>>({ name: 'groups', text: groupsText });
  const genes = new Map(counts.map(({ key, count }) => [key, count]));
  return rows.map((row) => ({ ...row, genes: genes.get(row.slug) ?? 0 }));
}
