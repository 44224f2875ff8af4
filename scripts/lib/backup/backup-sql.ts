/** Marks the sessions of dumps: those that a killed run left are ended by the next. */
export const DUMP_SESSION = 'kidney-genetics-backup';

/** Ends what a killed run left behind. */
export const END_LEFTOVERS = `select pg_terminate_backend(pid) from pg_stat_activity
where application_name = '${DUMP_SESSION}' and usename = current_user and pid <> pg_backend_pid();`;

/** Opens the transaction whose snapshot pg_dump shares. The server's limit for idle transactions would end it. */
export const OPEN_SNAPSHOT = `set application_name = '${DUMP_SESSION}';
set idle_in_transaction_session_timeout = 0;
set statement_timeout = 0;
set max_parallel_workers_per_gather = 0;
begin isolation level repeatable read read only;
select pg_export_snapshot();
select pg_backend_pid();`;

/**
 * Ends a dump once the session that keeps its snapshot is gone: a script that is killed takes that one along, not the
 * pg_dump in the container. A shell in there could watch it too, but PostgreSQL, being process 1, would take a child that
 * the shell leaves behind and that dies of a signal for one of its own, and restart.
 */
export const GUARD_DUMP = `set application_name = '${DUMP_SESSION}';
set statement_timeout = 0;
set kit.keeper to :'keeper';
do $$
begin
  while exists (select from pg_stat_activity where pid = current_setting('kit.keeper')::int) loop
    perform pg_sleep(0.25);
    perform pg_stat_clear_snapshot();
  end loop;
  perform pg_terminate_backend(pid) from pg_stat_activity
  where application_name = '${DUMP_SESSION}' and pid <> pg_backend_pid();
end $$;`;

/** A schema's objects that belong to the database itself, and to no extension. */
const OWN_NAMESPACES = `n.nspname !~ '^pg_' and n.nspname <> 'information_schema'`;
const noExtension = (catalog: string, oid: string) => `not exists (select from pg_depend as d
  where d.classid = '${catalog}'::regclass and d.objid = ${oid} and d.deptype = 'e')`;

/** Tables with rows of their own, as JSON lines. */
export const LIST_TABLES = `select json_build_object('schema', n.nspname, 'name', c.relname)
from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
where c.relkind = 'r' and c.relpersistence <> 't' and ${OWN_NAMESPACES} and ${noExtension('pg_class', 'c.oid')}
order by 1::text;`;

/** What belongs to others than the owner, who could neither dump nor restore it: one line each. */
export const LIST_FOREIGN = `select format('%I.%I of %s', n.nspname, c.relname, pg_get_userbyid(c.relowner))
from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'S', 'v', 'm', 'f') and c.relpersistence <> 't' and ${OWN_NAMESPACES}
  and ${noExtension('pg_class', 'c.oid')} and not pg_has_role(c.relowner, 'USAGE')
order by 1;`;

/** Rows of each table, as JSON lines. */
export const COUNT_ROWS = `select format('select json_build_object(''table'', %L, ''rows'', count(*)) from only %I.%I',
  n.nspname || '.' || c.relname, n.nspname, c.relname)
from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
where c.relkind = 'r' and c.relpersistence <> 't' and ${OWN_NAMESPACES} and ${noExtension('pg_class', 'c.oid')}
order by n.nspname, c.relname
\\gexec`;

/** What a manifest says of server and database, as one JSON line. */
export const READ_FACTS = `select json_build_object(
  'version', current_setting('server_version'),
  'versionNum', current_setting('server_version_num')::int,
  'database', json_build_object(
    'name', d.datname, 'owner', pg_get_userbyid(d.datdba), 'bytes', pg_database_size(d.oid),
    'encoding', pg_encoding_to_char(d.encoding), 'collate', d.datcollate, 'ctype', d.datctype,
    -- By way of JSON, since these columns have other names, or are not there, in PostgreSQL 15 and 16.
    'provider', d.datlocprovider, 'locale', coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale'),
    'rules', to_jsonb(d) ->> 'daticurules',
    'grants', case when d.datacl is not null then (
      select json_agg(json_build_object('role', case a.grantee when 0 then '' else pg_get_userbyid(a.grantee) end,
        'privilege', a.privilege_type, 'grantable', a.is_grantable))
      from aclexplode(d.datacl) as a) end,
    'settings', (
      select coalesce(json_agg(json_build_object(
        'role', case s.setrole when 0 then '' else pg_get_userbyid(s.setrole) end,
        'name', split_part(entry, '=', 1), 'value', substr(entry, strpos(entry, '=') + 1))), '[]')
      from pg_db_role_setting as s, unnest(s.setconfig) as entry where s.setdatabase = d.oid)))
from pg_database as d where d.datname = current_database();`;

/** The server's roles but the first superuser and PostgreSQL's own, as JSON lines. */
export const READ_ROLES = `select json_build_object('name', r.rolname, 'login', r.rolcanlogin, 'inherit', r.rolinherit,
  'connectionLimit', r.rolconnlimit,
  'memberOf', (select coalesce(json_agg(pg_get_userbyid(m.roleid)), '[]') from pg_auth_members as m
    where m.member = r.oid),
  'settings', (select coalesce(json_agg(json_build_object('name', split_part(entry, '=', 1),
    'value', substr(entry, strpos(entry, '=') + 1))), '[]') from unnest(r.rolconfig) as entry))
from pg_roles as r where r.oid <> 10 and r.rolname !~ '^pg_' order by r.rolname;`;

/** The newest migration; nothing where there are none. */
export const READ_SCHEMA_VERSION = `select to_regclass('public.schema_migrations') is not null as known \\gset
\\if :known
select max(name) from public.schema_migrations;
\\endif`;

/**
 * A digest of everything that a dump of the schema would hold but owners (a restore gives all to the database's),
 * independent of the order in which it was made. Brackets and white space count for nothing: PostgreSQL sets others when it has read its own text of an expression.
 */
export const HASH_SCHEMA = `select md5(coalesce(string_agg(plain, E'\\n' order by plain collate "C"), ''))
from (select translate(line, E'() \\t\\n', '') as plain from (
  select format('column %I.%I.%I %s %s %s %s', n.nspname, c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
    a.attnotnull, concat(a.attidentity, a.attgenerated), pg_get_expr(d.adbin, d.adrelid)) as line
  from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
  join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
  left join pg_attrdef as d on d.adrelid = c.oid and d.adnum = a.attnum
  where c.relkind in ('r', 'p', 'v', 'm', 'f', 'c') and ${OWN_NAMESPACES} and ${noExtension('pg_class', 'c.oid')}
  union all
  select format('relation %I.%I %s %s', n.nspname, c.relname, c.relkind,
    case when c.relkind in ('v', 'm') then pg_get_viewdef(c.oid) end)
  from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p', 'v', 'm', 'S', 'f') and ${OWN_NAMESPACES} and ${noExtension('pg_class', 'c.oid')}
  union all
  select format('constraint %I on %s %s', c.conname, c.conrelid::regclass, pg_get_constraintdef(c.oid))
  from pg_constraint as c join pg_namespace as n on n.oid = c.connamespace
  where ${OWN_NAMESPACES} and ${noExtension('pg_constraint', 'c.oid')}
  union all
  select 'index ' || pg_get_indexdef(i.indexrelid)
  from pg_index as i join pg_class as c on c.oid = i.indexrelid join pg_namespace as n on n.oid = c.relnamespace
  where ${OWN_NAMESPACES} and ${noExtension('pg_class', 'c.oid')}
  union all
  select format('trigger %s %s', pg_get_triggerdef(t.oid), t.tgenabled) from pg_trigger as t where not t.tgisinternal
  union all
  select 'function ' || pg_get_functiondef(p.oid)
  from pg_proc as p join pg_namespace as n on n.oid = p.pronamespace
  where p.prokind in ('f', 'p', 'w') and ${OWN_NAMESPACES} and ${noExtension('pg_proc', 'p.oid')}
  union all
  select format('type %s %s', t.oid::regtype, (select string_agg(e.enumlabel, ',' order by e.enumsortorder)
    from pg_enum as e where e.enumtypid = t.oid))
  from pg_type as t join pg_namespace as n on n.oid = t.typnamespace
  where t.typtype in ('e', 'd') and ${OWN_NAMESPACES} and ${noExtension('pg_type', 't.oid')}
  union all
  select 'extension ' || extname from pg_extension
) as lines) as plain_lines;`;

/** Makes an empty database like another one, by who knows the order of words there: libc, ICU or PostgreSQL itself. */
export function createLike(provider: 'c' | 'i' | 'b', hasRules: boolean): string {
  const locale = {
    c: '',
    i: ` locale_provider icu icu_locale :'locale'${hasRules ? " icu_rules :'rules'" : ''}`,
    b: ` locale_provider builtin builtin_locale :'locale'`,
  }[provider];
  return `create database :"database" owner :"owner" template template0
  encoding :'encoding' lc_collate :'collate' lc_ctype :'ctype'${locale};`;
}

/** The databases that restores replaced, newest first, as JSON lines. */
export const LIST_REPLACED = `select json_build_object('name', datname, 'bytes', pg_database_size(oid))
from pg_database where datname ~ ('^' || :'live' || '_replaced_[0-9]{8}t[0-9]{6}$') order by datname desc;`;

/**
 * Gives a database its name, and the one that had it another, in one transaction: whoever looks sees the one or the other.
 * RENAME first locks the name, which holds new connections off, then waits for the old ones to end. Prints the time
 * before and after, in milliseconds.
 */
export const SWAP_NAMES = `select round(extract(epoch from clock_timestamp()) * 1000);
begin;
set local statement_timeout = '1500ms';
select exists (select from pg_database where datname = :'live') as has_live \\gset
\\if :has_live
alter database :"live" rename to :"replaced";
\\endif
alter database :"incoming" rename to :"live";
commit;
select round(extract(epoch from clock_timestamp()) * 1000);`;

/**
 * Ends the sessions of a database from the moment that its name is locked, and those that were just getting in, until it
 * has its other name. Before that moment they would only come back.
 */
export const END_SESSIONS = `set kit.live to :'live';
do $$
declare
  target constant oid := (select oid from pg_database where datname = current_setting('kit.live'));
begin
  for turn in 1 .. 120 loop
    exit when not exists (select from pg_database where oid = target and datname = current_setting('kit.live'));
    perform pg_stat_clear_snapshot();
    perform pg_terminate_backend(pid) from pg_stat_activity
    where datid = target and exists (
      select from pg_locks where locktype = 'object' and classid = 'pg_database'::regclass and objid = target
        and mode = 'AccessExclusiveLock' and granted);
    perform pg_sleep(0.025);
  end loop;
end $$;`;

/** The outcomes of operations, as JSON lines; nothing where the database has no place for them. */
export const READ_STATUS = `select to_regclass('public.operations_status') is not null as known \\gset
\\if :known
select row_to_json(s) from public.operations_status as s order by kind;
\\endif`;

/** Notes the outcome of an operation. A trigger keeps the time of the last good one. */
export const WRITE_STATUS = `set search_path = pg_catalog, public;
select to_regclass('public.operations_status') is not null as known \\gset
\\if :known
insert into public.operations_status (kind, finished_at, ok, detail)
values (:'kind', :'at'::timestamptz, :'ok'::boolean, :'detail'::jsonb)
on conflict (kind) do update
set finished_at = excluded.finished_at, ok = excluded.ok, detail = excluded.detail;
\\endif`;

/** Empties the outcomes that came with a restored database: they tell of the past. */
export const CLEAR_STATUS = `set search_path = pg_catalog, public;
select to_regclass('public.operations_status') is not null as known \\gset
\\if :known
delete from public.operations_status;
\\endif`;

/** The tokens that were revoked, as one line of JSON; nothing where the database has no place for them. */
export const READ_REVOKED = `select to_regclass('public.revoked_tokens') is not null as known \\gset
\\if :known
select coalesce(jsonb_agg(t), '[]') from public.revoked_tokens as t;
\\endif`;

/** Revokes tokens as another database did. @param json what that one printed, as a literal */
export function addRevoked(json: string): string {
  return `insert into public.revoked_tokens
select * from jsonb_populate_recordset(null::public.revoked_tokens, ${json}) on conflict do nothing;`;
}

/** The number of the newest change; nothing where changes are not numbered. */
export const READ_CHANGE = `select to_regclass('public.data_state') is not null as known \\gset
\\if :known
select seq from public.data_state;
\\endif`;

/** Sets the numbers of changes past all that clients may know: each of them then reads everything anew. */
export const PASS_CHANGE = `set search_path = pg_catalog, public;
select to_regclass('public.data_state') is not null as known \\gset
\\if :known
select setval('public.change_seq', greatest(:'seq'::bigint, (select last_value from public.change_seq)) + 1) as next \\gset
update public.data_state set seq = :next, floor = :next, changed_at = clock_timestamp();
\\endif`;
