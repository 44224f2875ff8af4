import { createHmac, timingSafeEqual } from 'node:crypto';
import { fields, flag, list, map, maybe, moment, oneOf, text, whole } from '../process/fields.ts';
import { toPrintable } from '../process/printable.ts';
import { readFirstFormat } from './first-format.ts';

/** Longest file of a manifest that is read, in bytes. */
export const MANIFEST_BYTES = 1024 ** 2;
/** PostgreSQL's longest name (NAMEDATALEN, 64 bytes with its end). */
const name = text(63, /^.+$/);
/** The same, empty for everybody. */
const role = text(63);
const facts = text(300);
const assignment = { name: text(100, /^[a-z_][a-z0-9_.]*$/i), value: text(1000) };

const readGrant = fields({ role, privilege: oneOf('CONNECT', 'CREATE', 'TEMPORARY'), grantable: flag });
const readSetting = fields({ role, ...assignment });

const readDatabase = fields({
  name,
  owner: name,
  bytes: whole(),
  encoding: text(30),
  collate: facts,
  ctype: facts,
  /** Who knows the order of words: libc, unless said, ICU (i), or PostgreSQL itself (b), by a locale of its own. */
  provider: maybe(oneOf('c', 'i', 'b')),
  locale: maybe(facts),
  /** What an ICU locale was told besides. */
  rules: maybe(text(2000)),
  /** Who may do what with the database; nothing where PostgreSQL's defaults hold. */
  grants: maybe(list(readGrant, 1000)),
  settings: list(readSetting, 500),
});

const readRole = fields({
  name,
  login: flag,
  inherit: flag,
  /** -1 without a limit. */
  connectionLimit: whole(-1),
  memberOf: list(name, 100),
  settings: list(fields(assignment), 100),
});

const readDrill = fields({
  at: moment,
  ok: flag,
  /** How long the restore took. */
  restoreMs: whole(),
  /** What was wrong; empty when all was well. */
  problems: list(text(400), 50),
});

const readBody = fields({
  /** Also the name of its files: the stack's prefix and the time, such as kidney-genetics-20260102T030405Z. */
  name: text(120, /^[a-z0-9][a-z0-9_.-]*-\d{8}T\d{6}Z$/),
  /** The stack's prefix. */
  stack: text(100, /^[a-z0-9][a-z0-9_.-]*$/),
  /** The dump's file, in the same folder. */
  file: text(130, /^[a-z0-9][a-z0-9_.-]*-\d{8}T\d{6}Z\.dump(\.age)?$/),
  createdAt: moment,
  durationMs: whole(),
  /** Of the file as it is stored. */
  bytes: whole(),
  sha256: text(64, /^[0-9a-f]{64}$/),
  /** The public keys (age) that it is encrypted to; empty for a plain file. */
  recipients: list(text(200, /^age1[a-z0-9]+$/), 50),
  server: fields({ version: text(100), versionNum: whole(), image: facts }),
  /** The git revision of the database's image. */
  revision: facts,
  database: readDatabase,
  /** The newest migration that the database had seen; empty without any. */
  schemaVersion: text(200),
  /** Digest of tables, columns, constraints, indexes, functions and triggers. */
  schemaHash: text(64, /^[0-9a-f]*$/),
  /** Rows by table, counted in the snapshot that was dumped. */
  tables: map(text(130), whole(), 20_000),
  /** The server's roles but the superuser, without passwords. */
  roles: list(readRole, 500),
  /** The last restore drill. One that nobody signed is not read. */
  drill: maybe(readDrill),
});

const readEnvelope = fields({ format: oneOf(1, 2), mac: maybe(text(64, /^[0-9a-f]{64}$/)) });

/** What is known of a backup; stands beside its dump, as NAME.json. A dump without one is not a backup of this kit. */
export type Manifest = ReturnType<typeof readBody> & {
  /** Whether it was signed with this checkout's key. Not written. */
  signed: boolean;
};
export type DatabaseFacts = ReturnType<typeof readDatabase>;
export type Grant = ReturnType<typeof readGrant>;
/** ALTER DATABASE ... SET, or ALTER ROLE ... IN DATABASE ... SET. */
export type Setting = ReturnType<typeof readSetting>;
export type Role = ReturnType<typeof readRole>;
export type Drill = ReturnType<typeof readDrill>;

/**
 * Reads a manifest, which is input: others can write where backups lie.
 * @param key BACKUP_KEY: who signed it; nobody where there is none
 * @throws Error with the reason where it is no manifest
 */
export function readManifest(content: string, key: string | undefined): Manifest {
  const value: unknown = JSON.parse(content);
  const { format, mac } = readEnvelope(value, '');
  const manifest = readBody(format === 1 ? readFirstFormat(value) : value, '');
  if (!manifest.file.startsWith(`${manifest.name}.dump`) || !manifest.name.startsWith(`${manifest.stack}-`))
    throw new Error('its names do not belong together');
  const signed = format === 2 && isSigned(value as object, mac, key);
  return { ...manifest, drill: signed ? manifest.drill : undefined, signed };
}

/**
 * The text of a signed manifest.
 * @throws Error where it would not be read again: a table whose name has control characters
 */
export function writeManifest({ signed: _, ...manifest }: Manifest, key: string): string {
  const body = { format: 2, ...manifest };
  const content = `${JSON.stringify({ ...body, mac: macOf(body, key) }, undefined, 2)}\n`;
  readManifest(content, key);
  return content;
}

function isSigned(value: object, mac: string | undefined, key: string | undefined): boolean {
  if (!key || !mac) return false;
  return timingSafeEqual(Buffer.from(macOf(value, key)), Buffer.from(mac));
}

/** HMAC-SHA256 (RFC 2104) of everything that a manifest says, in an order of its own. */
function macOf(value: object, key: string): string {
  const sorted = (_: string, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part;
  const plain = JSON.stringify({ ...value, mac: undefined }, sorted);
  return createHmac('sha256', key).update(plain).digest('hex');
}

/** A drill that is written down now. @param problems as they were said; made fit to be printed */
export function noteDrill(restoreMs: number, problems: readonly string[]): Drill {
  const plain = problems.slice(0, 50).map((problem) => toPrintable(problem));
  return {
    at: new Date().toISOString(),
    ok: plain.length === 0,
    restoreMs: Math.round(restoreMs),
    problems: plain,
  };
}

/** Where a manifest does not say it: a backup of PostgreSQL's custom format compresses a database to less than this. */
const UNKNOWN_RATIO = 0.6;
const MARGIN = 1.25;
const SPARE_BYTES = 16 * 1024 ** 2;

/** The name of a backup that starts now. */
export function backupName(prefix: string, now: Date): string {
  return `${prefix}-${now.toISOString().replace(/[-:]|\.\d+/g, '')}`;
}

/** Clocks of two machines differ by that at most; what is dated later was dated by a clock that was wrong. */
const SKEW_MS = 5 * 60_000;

/** Whether something says to be of a time that has not come yet. */
export function isOfFuture(at: string, now: number): boolean {
  return Date.parse(at) > now + SKEW_MS;
}

/** Newest first; those of the future come last: they hide no other. */
export function sortNewestFirst<T extends Pick<Manifest, 'createdAt'>>(
  manifests: readonly T[],
  now: number,
): T[] {
  const rank = ({ createdAt }: T) => (isOfFuture(createdAt, now) ? -1 : Date.parse(createdAt));
  return manifests.toSorted((a, b) => rank(b) - rank(a) || b.createdAt.localeCompare(a.createdAt));
}

/** The bytes that a backup may need, from the database's size and how far the last one compressed it. */
export function estimateBytes(databaseBytes: number, last: Manifest | undefined): number {
  const ratio = last && last.database.bytes > 0 ? last.bytes / last.database.bytes : UNKNOWN_RATIO;
  return Math.ceil(databaseBytes * ratio * MARGIN) + SPARE_BYTES;
}

/** The number of rows in all tables. */
export function sumRows(tables: Readonly<Record<string, number>>): number {
  return Object.values(tables).reduce((sum, rows) => sum + rows, 0);
}

/** Such as `241 rows of 8 tables`. */
export function describeRows(tables: Readonly<Record<string, number>>): string {
  return `${sumRows(tables)} rows of ${Object.keys(tables).length} tables`;
}
