import { sayWarning } from '../terminal/report.ts';
import { superuser } from './client-argv.ts';
import { queryJson } from './sql.ts';

/** Databases whose order of words was made by another version of the C library or ICU than the one that is there now. */
const READ_CHANGED = `select json_build_object('database', datname, 'owner', pg_get_userbyid(datdba),
  'made', datcollversion, 'now', pg_database_collation_actual_version(oid))
from pg_database where datallowconn and datname not in ('postgres', 'template1')
  and datcollversion <> pg_database_collation_actual_version(oid) order by datname;`;

/** A database whose indexes on text may be in another order than the server looks in. */
export interface ChangedCollation {
  database: string;
  owner: string;
  made: string;
  now: string;
}

/**
 * Warns where a new base image brought another order of words (PostgreSQL 17 manual, 23.2.2.5 and ALTER DATABASE): indexes
 * on text may then miss rows, until they are made anew.
 * @param container of the database's server; one that does not answer says nothing
 */
export async function warnOfCollations(container: string): Promise<void> {
  const changed = await queryJson<ChangedCollation>(superuser(container), READ_CHANGED).catch(() => []);
  for (const one of changed) sayWarning(describeCollation(container, one));
}

/** One sentence and the command that helps, which the owner runs. */
export function describeCollation(
  container: string,
  { database, owner, made, now }: ChangedCollation,
): string {
  const psql = `docker exec ${container} psql -X -U ${owner} -d ${database}`;
  const statements = [`REINDEX DATABASE ${database}`, `ALTER DATABASE ${database} REFRESH COLLATION VERSION`];
  return (
    `The order of words in ${database} was made by version ${made} and is now ${now}, so indexes on text may miss rows` +
    ` → ${psql} ${statements.map((one) => `-c '${one}'`).join(' ')}`
  );
}
