/** What is known of a backup; stands beside its dump, as NAME.json. A dump without one is not a backup of this kit. */
export interface Manifest {
  format: 1;
  /** Also the name of its files: the stack's prefix and the time, such as kidney-genetics-20260102T030405Z. */
  name: string;
  /** The stack's prefix. */
  stack: string;
  /** The dump's file, in the same folder. */
  file: string;
  createdAt: string;
  durationMs: number;
  /** Of the file as it is stored. */
  bytes: number;
  sha256: string;
  /** The public keys (age) that it is encrypted to; empty for a plain file. */
  recipients: string[];
  server: { version: string; versionNum: number; image: string };
  /** The git revision of the database's image. */
  revision: string;
  database: DatabaseFacts;
  /** The newest migration that the database had seen; empty without any. */
  schemaVersion: string;
  /** Digest of tables, columns, constraints, indexes, functions and triggers. */
  schemaHash: string;
  /** Rows by table, counted in the snapshot that was dumped. */
  tables: Record<string, number>;
  /** SQL that makes the server's roles, without passwords. */
  roles: string;
  /** The last restore drill. */
  drill?: Drill;
}

export interface DatabaseFacts {
  name: string;
  owner: string;
  bytes: number;
  encoding: string;
  collate: string;
  ctype: string;
  /** Who knows the order of words: libc, unless said, ICU (i), or PostgreSQL itself (b), by a locale of its own. */
  provider?: 'c' | 'i' | 'b';
  locale?: string | null;
  /** What an ICU locale was told besides. */
  rules?: string | null;
  /** Privileges and settings of the database itself, as SQL with :"database" for its name. */
  settings: string[];
}

export interface Drill {
  at: string;
  ok: boolean;
  /** How long the restore took. */
  restoreMs: number;
  /** What was wrong; empty when all was well. */
  problems: string[];
}

/** Where a manifest does not say it: a backup of PostgreSQL's custom format compresses a database to less than this. */
const UNKNOWN_RATIO = 0.6;
const MARGIN = 1.25;
const SPARE_BYTES = 16 * 1024 ** 2;

/** The name of a backup that starts now. */
export function backupName(prefix: string, now: Date): string {
  return `${prefix}-${now.toISOString().replace(/[-:]|\.\d+/g, '')}`;
}

/**
 * Reads a manifest.
 * @returns undefined for a text that is none, such as another program's JSON
 */
export function parseManifest(text: string): Manifest | undefined {
  try {
    const value = JSON.parse(text) as Manifest;
    const whole =
      value.format === 1 &&
      [value.name, value.file, value.sha256, value.createdAt].every((part) => typeof part === 'string') &&
      /^[^/]+$/.test(value.file) &&
      typeof value.bytes === 'number' &&
      typeof value.tables === 'object';
    return whole ? value : undefined;
  } catch {
    return undefined;
  }
}

/** The bytes that a backup may need, from the database's size and how far the last one compressed it. */
export function estimateBytes(databaseBytes: number, last: Manifest | undefined): number {
  const ratio = last && last.database.bytes > 0 ? last.bytes / last.database.bytes : UNKNOWN_RATIO;
  return Math.ceil(databaseBytes * ratio * MARGIN) + SPARE_BYTES;
}

/** The tables whose rows differ, in words: `public.genes has 3 rows instead of 4`. */
export function findCountProblems(
  expected: Readonly<Record<string, number>>,
  found: Readonly<Record<string, number>>,
): string[] {
  const names = [...new Set([...Object.keys(expected), ...Object.keys(found)])].sort();
  return names.flatMap((name) => {
    const [want, have] = [expected[name], found[name]];
    if (want === have) return [];
    if (have === undefined) return [`${name} is missing`];
    if (want === undefined) return [`${name} is not in the manifest`];
    return [`${name} has ${have} rows instead of ${want}`];
  });
}

/** The number of rows in all tables. */
export function sumRows(tables: Readonly<Record<string, number>>): number {
  return Object.values(tables).reduce((sum, rows) => sum + rows, 0);
}

/** Such as `241 rows of 8 tables`. */
export function describeRows(tables: Readonly<Record<string, number>>): string {
  return `${sumRows(tables)} rows of ${Object.keys(tables).length} tables`;
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

/**
 * The statements of `pg_dumpall --globals-only` that make roles which a server lacks.
 * @param existing names of the roles it has
 */
export function pickRoles(roles: string, existing: readonly string[]): string {
  const there = new Set(existing);
  const made = [...roles.matchAll(/^CREATE ROLE (.+);$/gm)]
    .map(([, name]) => name ?? '')
    .filter((name) => !there.has(name.replace(/^"(.*)"$/, '$1').replaceAll('""', '"')));
  const concerns = (line: string) =>
    made.some(
      (name) =>
        line === `CREATE ROLE ${name};` ||
        line.startsWith(`ALTER ROLE ${name} `) ||
        new RegExp(`^GRANT .* TO ${name.replace(/[^\w"]/g, '.')}( |;)`).test(line),
    );
  return roles.split('\n').filter(concerns).join('\n');
}

/** A bar of a chart: full for the largest value. */
export function formatBar(value: number, largest: number, width: number): string {
  if (largest <= 0) return '';
  const eighths = Math.max(1, Math.round((value / largest) * width * 8));
  const rest = eighths % 8;
  return '█'.repeat(Math.floor(eighths / 8)) + (rest > 0 ? (' ▏▎▍▌▋▊▉'[rest] ?? '') : '');
}
