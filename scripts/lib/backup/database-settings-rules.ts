import type { DatabaseFacts, Grant, Role, Setting } from './manifest.ts';

const SWITCH = /^(on|off|true|false|yes|no|0|1)$/i;
const NUMBER = /^-?\d{1,10}(\.\d{1,10})?$/;
const AMOUNT = /^-?\d{1,10}(\.\d{1,10})? ?(us|ms|s|min|h|d|B|kB|MB|GB|TB)?$/;
const WORDS = /^[A-Za-z0-9_+./:, -]{1,100}$/;
const NAMES = /^("([^"]|"")+"|[a-z_$][\w$]*)(, ?("([^"]|"")+"|[a-z_$][\w$]*))*$/;

/**
 * The settings that a backup may bring, and what their values look like. Each changes how queries of that database run and
 * print; none loads a library, names a file or a program, or changes what the server logs.
 */
const ALLOWED: readonly [name: RegExp, value: RegExp][] = [
  [/^((statement|lock|transaction|idle_session|idle_in_transaction_session)_timeout)$/, AMOUNT],
  [/^((maintenance_)?work_mem|temp_buffers|effective_cache_size)$/, AMOUNT],
  [/^((random|seq)_page_cost|cpu_\w+_cost|hash_mem_multiplier|default_statistics_target)$/, NUMBER],
  [/^(extra_float_digits|(from|join)_collapse_limit|max_parallel_workers_per_gather)$/, NUMBER],
  [/^pg_trgm\.(strict_)?(word_)?similarity_threshold$/, NUMBER],
  [/^(enable_\w+|jit|default_transaction_(read_only|deferrable))$/, SWITCH],
  [/^(default_transaction_isolation|synchronous_commit|plan_cache_mode|client_min_messages)$/, WORDS],
  [
    /^(timezone|datestyle|intervalstyle|client_encoding|bytea_output|lc_(messages|monetary|numeric|time))$/,
    WORDS,
  ],
  [/^default_text_search_config$/, WORDS],
  [/^search_path$/, NAMES],
];

/** Whether a setting of a backup is made in the restored database. */
function isCarried({ name, value }: Pick<Setting, 'name' | 'value'>): boolean {
  return ALLOWED.some(([names, values]) => names.test(name.toLowerCase()) && values.test(value));
}

/** What a backup names and a restore leaves out: `session_preload_libraries`, `log_statement of reader`. */
export function findLeftOut({
  database,
  roles,
}: {
  database: DatabaseFacts;
  roles: readonly Role[];
}): string[] {
  const all = [
    ...database.settings,
    ...roles.flatMap(({ name: role, settings }) => settings.map((one) => ({ ...one, role }))),
  ];
  return all.filter((one) => !isCarried(one)).map(({ name, role }) => (role ? `${name} of ${role}` : name));
}

/** The statements that give a database the privileges and settings of another. */
export function databaseSql(target: string, { grants, settings }: DatabaseFacts): string {
  const database = quoteName(target);
  const made = settings.filter(isCarried).map((one) => {
    const whose = one.role ? `ROLE ${quoteName(one.role)} IN DATABASE ${database}` : `DATABASE ${database}`;
    return `ALTER ${whose} SET ${assign(one)};`;
  });
  const closed = grants ? [`REVOKE ALL ON DATABASE ${database} FROM PUBLIC;`] : [];
  return [...closed, ...(grants ?? []).map((one) => grantSql(database, one)), ...made].join('\n');
}

function grantSql(database: string, { privilege, role, grantable }: Grant): string {
  const option = grantable && role ? ' WITH GRANT OPTION' : '';
  return `GRANT ${privilege} ON DATABASE ${database} TO ${role ? quoteName(role) : 'PUBLIC'}${option};`;
}

/**
 * The statements that make the roles which a server lacks. None gets a password or a right over the server, and none becomes a
 * member of a role that was there before, but for the database's owner.
 * @param existing names of the roles it has
 */
export function rolesSql(roles: readonly Role[], existing: readonly string[], owner: string): string {
  const there = new Set(existing);
  const made = roles.filter(({ name }) => !there.has(name) && !name.startsWith('pg_'));
  const names = new Set([owner, ...made.map(({ name }) => name)]);
  const create = ({ name, login, inherit, connectionLimit }: Role) =>
    `CREATE ROLE ${quoteName(name)} ${login ? '' : 'NO'}LOGIN ${inherit ? '' : 'NO'}INHERIT CONNECTION LIMIT ${connectionLimit};`;
  const complete = ({ name, memberOf, settings }: Role) => [
    ...settings.filter(isCarried).map((one) => `ALTER ROLE ${quoteName(name)} SET ${assign(one)};`),
    ...memberOf
      .filter((group) => names.has(group))
      .map((group) => `GRANT ${quoteName(group)} TO ${quoteName(name)};`),
  ];
  return [...made.map(create), ...made.flatMap(complete)].join('\n');
}

function assign({ name, value }: Pick<Setting, 'name' | 'value'>): string {
  const parts = name.toLowerCase() === 'search_path' ? splitNames(value) : [value];
  return `${name} TO ${parts.map(quoteText).join(', ')}`;
}

/** PostgreSQL keeps a search path as it would be written: each name is a value of its own. */
function splitNames(value: string): string[] {
  return [...value.matchAll(/"((?:[^"]|"")+)"|([^\s,"]+)/g)].map(([, quoted, plain = '']) =>
    quoted === undefined ? plain : quoted.replaceAll('""', '"'),
  );
}

function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A value as a literal: with standard_conforming_strings, which every session of the kit has, a quote is all that is doubled. */
export function quoteText(value: string): string {
  return `'${value.replaceAll("'", "''")}'`;
}
