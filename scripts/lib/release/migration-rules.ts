/** A statement of a migration that the running version may not live with. */
export interface Breaking {
  statement: string;
  why: string;
}

/**
 * What takes something away from, or asks something new of, a server that was written before it. Matched against one
 * statement, or one clause of ALTER TABLE, in lower case with single spaces.
 */
const RULES: readonly { pattern: RegExp; unless?: RegExp; why: string }[] = [
  {
    pattern: /^drop (table|view|materialized view|schema|type|domain|sequence)\b/,
    why: 'takes away what the running version reads',
  },
  {
    pattern: /^drop (function|procedure|aggregate|routine)\b/,
    why: 'takes away what the running version calls',
  },
  {
    pattern:
      /^alter table .* drop (column )?(if exists )?(?!constraint\b|default\b|not null\b|expression\b|identity\b)[a-z_"]/,
    why: 'drops a column',
  },
  {
    pattern: /^alter (table|view|materialized view|type|schema|sequence|function|procedure) .*\brename\b/,
    why: 'renames what the running version knows by its old name',
  },
  {
    pattern: /^alter (table|view|type|function|sequence) .*\bset schema\b/,
    why: 'moves what the running version knows elsewhere',
  },
  {
    pattern: /^alter table .* alter (column )?\S+ (set data )?type\b/,
    why: 'changes the type of a column, and rewrites the table under a lock',
  },
  {
    pattern: /^alter table .* alter (column )?\S+ set not null\b/,
    why: 'refuses rows that the running version may write',
  },
  {
    pattern:
      /^alter table .* add (column )?(if not exists )?(?!constraint\b|check\b|unique\b|primary key\b|foreign key\b|exclude\b)\S+ .*\bnot null\b/,
    unless: /\bdefault\b|\bgenerated\b/,
    why: 'adds a column that the running version does not fill',
  },
  {
    pattern: /^alter table .* add (constraint \S+ )?(check|unique|primary key|foreign key|exclude)\b/,
    unless: /\bnot valid\b/,
    why: 'refuses rows that the running version may write',
  },
  { pattern: /^create unique index\b/, why: 'refuses rows that the running version may write' },
  { pattern: /^truncate\b/, why: 'empties a table' },
  { pattern: /^delete from \S+( as \S+)?$/, why: 'empties a table' },
  { pattern: /^revoke\b/, why: 'takes a right away' },
  { pattern: /^drop owned\b/, why: 'takes away what the running version reads' },
];

/**
 * Finds what the version that runs now may not live with while the new one starts beside it: expand first, contract a
 * release later.
 * @param sql a migration
 */
export function findBreaking(sql: string): Breaking[] {
  const made = new Set<string>();
  const found: Breaking[] = [];
  for (const statement of splitStatements(sql)) {
    const created = /^create (?:unlogged |temporary |temp )?table (?:if not exists )?(\S+?)(?: |\(|$)/.exec(
      statement,
    );
    if (created?.[1]) made.add(created[1]);
    for (const clause of splitClauses(statement)) {
      const rule = RULES.find(({ pattern, unless }) => pattern.test(clause) && !unless?.test(clause));
      if (rule && !made.has(targetOf(clause))) found.push({ statement: shorten(clause), why: rule.why });
    }
  }
  return found;
}

/** The table of a statement: what a migration does to one that it makes itself breaks nobody. */
function targetOf(clause: string): string {
  const match =
    /^alter table (?:only |if exists )*(\S+)/.exec(clause) ??
    /^create unique index.* on (?:only )?([^\s(]+)/.exec(clause) ??
    /^(?:truncate|drop) (?:table )?(?:only |if exists )*(\S+)/.exec(clause) ??
    /^delete from (\S+)/.exec(clause);
  return match?.[1] ?? '';
}

/** The statements of a script, in lower case, without comments; texts and the bodies of functions are emptied. */
export function splitStatements(sql: string): string[] {
  const token =
    /--[^\n]*|\/\*[\s\S]*?\*\/|'(?:[^']|'')*'|\$([a-zA-Z_]*)\$[\s\S]*?\$\1\$|begin atomic[\s\S]*?\bend\b(?=\s*;)/gi;
  const bare = sql.replace(token, (text) => (/^(--|\/\*)/.test(text) ? ' ' : "''"));
  return bare
    .split(';')
    .map((statement) => statement.replace(/\s+/g, ' ').trim().toLowerCase())
    .filter(Boolean);
}

/** ALTER TABLE takes several actions at once: each with the table's name before it. */
function splitClauses(statement: string): string[] {
  const head = /^alter table (?:only |if exists )*\S+/.exec(statement)?.[0];
  if (!head) return [statement];
  let depth = 0;
  let actions = '';
  for (const character of statement.slice(head.length)) {
    if (character === '(') depth += 1;
    if (character === ')') depth -= 1;
    actions += character === ',' && depth === 0 ? '\n' : character;
  }
  return actions.split('\n').map((action) => `${head} ${action.trim()}`);
}

function shorten(text: string): string {
  return text.length > 100 ? `${text.slice(0, 97)}...` : text;
}
