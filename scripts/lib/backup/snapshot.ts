import type { SqlSession } from '../database/sql.ts';
import { DescribedError } from '../process/errors.ts';
import {
  COUNT_ROWS,
  END_LEFTOVERS,
  HASH_SCHEMA,
  LIST_FOREIGN,
  LIST_TABLES,
  OPEN_SNAPSHOT,
  READ_FACTS,
  READ_ROLES,
  READ_SCHEMA_VERSION,
} from './backup-sql.ts';
import type { Manifest } from './manifest.ts';

/** One moment of a database, as a session keeps it, and what a manifest says of it. */
export interface Snapshot extends Pick<Manifest, 'schemaVersion' | 'schemaHash' | 'database' | 'roles'> {
  server: Omit<Manifest['server'], 'image'>;
  /** What pg_dump is given to share it. */
  id: string;
  /** The process on the server that keeps it. */
  keeper: string;
  tables: { schema: string; name: string }[];
}

/** Opens a snapshot, which lasts as long as the session does; ends first what a killed run left on the server. */
export async function openSnapshot(session: SqlSession): Promise<Snapshot> {
  await session.ask(END_LEFTOVERS);
  const [id = '', keeper = ''] = await session.ask(OPEN_SNAPSHOT);
  const [facts] = await session.askJson<Snapshot['server'] & Pick<Manifest, 'database'>>(READ_FACTS);
  if (!facts) throw new DescribedError('The database says nothing of itself', 'make prod-health');
  const { version, versionNum, database } = facts;
  assertOwned(database.owner, await session.ask(LIST_FOREIGN));
  const tables = await session.askJson<Snapshot['tables'][number]>(LIST_TABLES);
  const roles = await session.askJson<Manifest['roles'][number]>(READ_ROLES);
  const [schemaVersion = ''] = await session.ask(READ_SCHEMA_VERSION);
  const [schemaHash = ''] = await session.ask(HASH_SCHEMA);
  return { id, keeper, database, roles, tables, schemaVersion, schemaHash, server: { version, versionNum } };
}

function assertOwned(owner: string, foreign: readonly string[]): void {
  if (foreign.length === 0) return;
  throw new DescribedError(
    `The owner of the database, ${owner}, can neither dump nor restore what belongs to others: ${foreign.join(', ')}`,
    `give it to the owner, for a table: ALTER TABLE ... OWNER TO ${owner}; or move it into a database of its own`,
  );
}

/** The rows of each table in the session's snapshot. */
export async function countRows(session: SqlSession): Promise<Manifest['tables']> {
  const rows = await session.askJson<{ table: string; rows: number }>(COUNT_ROWS);
  return Object.fromEntries(rows.map(({ table, rows: count }) => [table, count]));
}
