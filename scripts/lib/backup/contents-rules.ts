/** An entry of a dump's table of contents, as `pg_restore --list` prints it. */
const ENTRY = /^\d+; \d+ \d+ (.+)$/gm;
/**
 * What the owner of a database cannot make: only a superuser could, and no restore runs as one. Casts of types and publications
 * of tables that are the owner's own are not among them (PostgreSQL, CREATE CAST, CREATE PUBLICATION).
 */
const SUPERUSER_ONLY =
  /^(EVENT TRIGGER|FOREIGN DATA WRAPPER|SERVER|USER MAPPING|PROCEDURAL LANGUAGE|SUBSCRIPTION|ACCESS METHOD|TRANSFORM|TABLESPACE)\b/;

/** The entries of a dump that no restore makes, in words that can be printed. */
export function findForbidden(listing: string): string[] {
  return [...listing.matchAll(ENTRY)]
    .map(([, entry = '']) => entry)
    .filter((entry) => SUPERUSER_ONLY.test(entry));
}

/**
 * The tables that a dump's table of contents lacks.
 * @param listing what `pg_restore --list` prints
 * @param tables as schema and name
 */
export function findTablesMissing(
  listing: string,
  tables: readonly { schema: string; name: string }[],
): string[] {
  const lines = new Set(
    [...listing.matchAll(/^\d+; \d+ \d+ TABLE DATA (.+) \S+$/gm)].map(([, rest]) => rest ?? ''),
  );
  return tables
    .filter(({ schema, name }) => !lines.has(`${schema} ${name}`))
    .map(({ schema, name }) => `${schema}.${name}`);
}

/** Where the rows of a restored database differ from those that were counted. */
export interface CountProblems {
  /** Rows that are not what they were: proof that the backup is no good. */
  rows: string[];
  /** Tables that only one of the two knows: the kit may count others today than it did then. */
  tables: string[];
}

/** Compares rows by table, in words: `public.genes has 3 rows instead of 4`. */
export function findCountProblems(
  expected: Readonly<Record<string, number>>,
  found: Readonly<Record<string, number>>,
): CountProblems {
  const names = [...new Set([...Object.keys(expected), ...Object.keys(found)])].sort();
  const both = names.filter((name) => name in expected && name in found && expected[name] !== found[name]);
  const one = names.filter((name) => !(name in expected && name in found));
  return {
    rows: both.map((name) => `${name} has ${found[name]} rows instead of ${expected[name]}`),
    tables: one.map((name) => (name in expected ? `${name} is missing` : `${name} is not in the manifest`)),
  };
}
