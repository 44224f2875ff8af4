import { flattenChains } from './definition-rules.ts';
import { compareFlat, flatten } from './record-rules.ts';

/** A row of a catalog or of a view of the server's configuration, as catalog.sql tells it. */
interface CatalogRow {
  /** The database that it is of; empty for what all share. */
  in: string;
  catalog: string;
  /** What the row is of: a name, or a number of initdb's. */
  key: string;
  row: Readonly<Record<string, unknown>>;
}

/** Numbers that PostgreSQL puts into names of what it makes by itself. */
const NUMBERED = /\b(pg_toast_|RI_ConstraintTrigger_[ac]_)\d{5,}/g;

/** What may differ between two servers of one release, each with its reason. */
const VARIES: readonly (readonly [RegExp, string])[] = [
  [/\bpg_(toast_)?temp(_\d+)?\b/, 'a session’s own, gone with it'],
  [/^pg_database .*_(replaced_\d{8}t\d{6}|restoring)\b/, 'what a restore keeps beside the live database'],
];

/**
 * Reads what catalog.sql prints.
 * @returns rows by what they are of; several where a catalog has no name for each
 */
export function parseCatalog(text: string): Map<string, CatalogRow[]> {
  const rows = new Map<string, CatalogRow[]>();
  for (const line of text.split('\n')) {
    if (!line.startsWith('{')) continue;
    const read = JSON.parse(line.replace(NUMBERED, '$1N')) as CatalogRow;
    const row = { ...read, key: String(read.key), row: flattenDefinition(read.row) };
    const id = identify(row);
    if (VARIES.some(([pattern]) => pattern.test(id))) continue;
    rows.set(id, [...(rows.get(id) ?? []), row]);
  }
  return rows;
}

function flattenDefinition(row: CatalogRow['row']): CatalogRow['row'] {
  return typeof row.definition === 'string' ? { ...row, definition: flattenChains(row.definition) } : row;
}

/** `pg_trigger genes_change on public.genes`; the number of what initdb made, with its name. */
function identify({ in: database, catalog, key, row }: CatalogRow): string {
  const named = Object.entries(row).find(([column]) => /name$/.test(column))?.[1];
  const name = typeof named === 'string' && !key.includes(named) ? ` ${named}` : '';
  return `${catalog} ${key}${name}${database ? ` (in ${database})` : ''}`;
}

/**
 * Compares two servers row by row, column by column.
 * @returns one line a difference: `pg_trigger genes_change on public.genes (in kidney_genetics): tgenabled: D, not O`
 */
export function compareCatalogs(
  expected: ReadonlyMap<string, readonly CatalogRow[]>,
  found: ReadonlyMap<string, readonly CatalogRow[]>,
): string[] {
  return [...new Set([...expected.keys(), ...found.keys()])].flatMap((id) => {
    const [missing, extra] = [
      without(expected.get(id), found.get(id)),
      without(found.get(id), expected.get(id)),
    ];
    const [one, other] = [missing[0], extra[0]];
    if (missing.length === 1 && extra.length === 1 && one && other)
      return compareFlat(flatten(one.row), flatten(other.row), () => false).map((line) => `${id}: ${line}`);
    return [...missing.map(() => `${id} is missing`), ...extra.map(() => `${id} is too much`)];
  });
}

function without(some: readonly CatalogRow[] = [], others: readonly CatalogRow[] = []): CatalogRow[] {
  const left = others.map(({ row }) => JSON.stringify(row));
  return some.filter(({ row }) => {
    const at = left.indexOf(JSON.stringify(row));
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
}
