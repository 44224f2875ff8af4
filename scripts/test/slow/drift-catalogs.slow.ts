import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { superuser } from '../../lib/database/client-argv.ts';
import { queryJson, querySql } from '../../lib/database/sql.ts';
import { compareCatalogs, parseCatalog } from '../../lib/verify/drift/catalog-rules.ts';
import { TestStack } from '../e2e/harness.ts';

const CATALOG = readFileSync(new URL('../../lib/verify/drift/catalog.sql', import.meta.url), 'utf8');

/** A column of a catalog that tells of something of the application's, as PostgreSQL itself lists them. */
interface Column {
  catalog: string;
  column: string;
  type: string;
  /** What finds a row of the application's, or of a role. */
  where: string;
}

/** Catalogs with rows that initdb did not make: by their own number, or by that of what they add to. */
const COLUMNS = `
select json_build_object('catalog', c.relname, 'column', a.attname, 'type', t.typname, 'where', k.attname || '::oid >= 16384')
from pg_attribute as a
join pg_class as c on c.oid = a.attrelid join pg_type as t on t.oid = a.atttypid
join lateral (select attname from pg_attribute where attrelid = c.oid and attnum > 0 and atttypid in ('oid'::regtype, 'regproc'::regtype)
  order by attname <> 'oid', attnum limit 1) as k on true
where c.relnamespace = 'pg_catalog'::regnamespace and c.relkind = 'r' and a.attnum > 0 and not a.attisdropped
  and a.attname <> k.attname
order by c.relname, a.attnum`;

/** Columns that may differ between two servers of a release: data, counts, and what follows from other columns. */
const MAY_DIFFER: readonly (readonly [RegExp, string])[] = [
  [
    /^pg_(statistic|statistic_ext_data|largeobject|depend|shdepend)\./,
    'statistics, contents, what follows from the rest',
  ],
  [
    /\.(atthasmissing|attmissingval|relfilenode|relpages|reltuples|relallvisible|relallfrozen|relhassubclass|relhasindex|relhasrules|relhastriggers|relnatts|indcheckxmin)$/,
    'counted while it runs',
  ],
  [/^pg_authid\.rolpassword$/, 'a secret of each stack: that it is a SCRAM verifier is compared'],
  [/\.(\w*xid|\w*minmxid|collversion|datcollversion)$/, 'counted while it runs, or of the host'],
  [
    /\.(ad|ag)bin$|\.(conbin|indexprs|indpred|proargdefaults|prosqlbody|ev_qual|ev_action|tgqual|relpartbound|partexprs|polqual|polwithcheck|stxexprs|typdefaultbin|prqual|stxdexpr)$/,
    'a tree of numbers: compared by its definition in SQL',
  ],
];

/** Another value of a column's type. */
function another({ column, type }: Column): string {
  const old = `"${column}"`;
  if (type === 'bool') return `not ${old}`;
  if (type === 'char') return `case when ${old} = 'x' then 'y' else 'x' end`;
  if (/^(int[248]|float[48])$/.test(type)) return `coalesce(${old}, 0) + 1`;
  if (/^(name|text)$/.test(type)) return `coalesce(${old}, '') || 'x'`;
  if (/^(oid|reg\w+)$/.test(type)) return `case when ${old} = 10 then 11 else 10 end::oid::${type}`;
  if (type === 'timestamptz') return `coalesce(${old}, now()) + interval '1 day'`;
  return `case when ${old} is null then '{}' end`;
}

describe('drift of the database, column by column of PostgreSQL’s own catalogs', {
  timeout: 1_500_000,
}, () => {
  let stack: TestStack;

  before(async () => {
    stack = await TestStack.create('catalogs');
    await stack.mustScript('npm-network', ['create']);
    await stack.mustScript('up');
    // One of each kind that the application itself has none of.
    await stack.ownerSql(`create view v as select 1 as one; create domain d as text check (value <> 'x');
      alter table genes enable row level security; create policy p on genes using (true); create publication u for table genes;
      create statistics s on symbol, name from genes; create type e as enum ('a', 'b'); create type r as range (subtype = integer);
      create collation c from "C"; create aggregate g(integer) (sfunc = int4pl, stype = integer); select lo_create(424242);
      create table parts (id integer) partition by range (id); create text search configuration t (copy = english);
      create cast (e as text) with inout; alter default privileges grant all on tables to public`);
  });
  after(() => stack?.dispose());

  it('is seen for each that has a row of the application’s', async (t) => {
    const signIn = { ...superuser(stack.name('postgres')), database: 'kidney_genetics' };
    const read = (change = '') =>
      querySql(signIn, `begin; ${change}\n${CATALOG}\nrollback;`).catch((error: Error) => error.message);
    const expected = parseCatalog(await read());
    const columns = await queryJson<Column>(signIn, COLUMNS);
    const [seen, unseen, refused]: [string[], string[], string[]] = [[], [], []];
    for (const one of columns) {
      const { catalog, column, where } = one;
      const change = `set local allow_system_table_mods = on;
        with changed as (update pg_catalog."${catalog}" set "${column}" = ${another(one)}
          where ctid = (select ctid from pg_catalog."${catalog}" where ${where} order by ctid limit 1) returning 1)
        select 'changed' from changed;`;
      const answer = await read(change);
      const isChanged = answer.startsWith('changed');
      const differences = isChanged ? compareCatalogs(expected, parseCatalog(answer)) : [];
      const name = `${catalog}.${column}`;
      if (differences.length > 0) seen.push(name);
      else if (isChanged) unseen.push(name);
      else if (answer.includes('refused')) refused.push(name);
    }
    t.diagnostic(`seen (${seen.length}): ${seen.join(', ')}`);
    t.diagnostic(`the server itself stumbles over (${refused.length}): ${refused.join(', ')}`);
    const surprising = unseen.filter((name) => !MAY_DIFFER.some(([pattern]) => pattern.test(name)));
    t.diagnostic(`may differ (${unseen.length - surprising.length}): ${unseen.join(', ')}`);
    assert.deepEqual(surprising, []);
    assert.ok(seen.length >= 60, `${seen.length}`);
  });
});
