-- Every row of every catalog of PostgreSQL, one JSON a line: what a server is, but for its data. Which column refers to which
-- catalog is known to PostgreSQL itself: pg_get_catalog_foreign_keys(). Objects that initdb made have the same numbers (below
-- 16384) in every server of a version; what refers to others by number is told by name. Reads catalogs alone and names
-- pg_catalog alone, so that a superuser's session runs nothing that another role made.
set search_path = pg_catalog;
set statement_timeout = '60s';

with refs as (
  select fktable, fkcols[1] as attname, pktable, is_array
  from pg_get_catalog_foreign_keys() where cardinality(fkcols) = 1
), positions as (
  select distinct fktable, fkcols[2] as attname from pg_get_catalog_foreign_keys() where cardinality(fkcols) = 2
), attributes as (
  select a.attrelid, a.attnum, a.attname, a.atttypid, r.pktable, r.is_array, p.attname is not null as is_position,
    -- The column that names the row: its own number, or the number of what it adds to.
    first_value(a.attname) over (partition by a.attrelid
      order by a.attname <> 'oid', a.atttypid not in ('oid'::regtype, 'regproc'::regtype), a.attnum) as key
  from pg_attribute as a join pg_class as c on c.oid = a.attrelid
  left join refs as r on r.fktable = a.attrelid and r.attname = a.attname
  left join positions as p on p.fktable = a.attrelid and p.attname = a.attname
  where c.relnamespace = 'pg_catalog'::regnamespace and c.relkind = 'r' and a.attnum > 0
    -- Statistics and contents are data; dependencies follow from the rest.
    and c.relname not in ('pg_statistic', 'pg_statistic_ext_data', 'pg_largeobject', 'pg_depend', 'pg_shdepend')
    and a.atttypid <> 'xid'::regtype
    -- Counted, or chosen, while the server runs; what rows from before a column lack; that there was an index, rule, trigger or
    -- child stays noted until a VACUUM, and what there is has rows of its own.
    and a.attname not in ('oid', 'relfilenode', 'relpages', 'reltuples', 'relallvisible', 'relallfrozen', 'indcheckxmin',
      'atthasmissing', 'attmissingval', 'relhassubclass', 'relhasindex', 'relhasrules', 'relhastriggers', 'relnatts',
      'collversion', 'datcollversion')
), owned (catalog, kind, owner) as (values
  ('pg_class', 'case when t.relkind = ''S'' then ''s'' else ''r'' end', 'relowner'), ('pg_proc', '''f''', 'proowner'),
  ('pg_namespace', '''n''', 'nspowner'), ('pg_type', '''T''', 'typowner'), ('pg_language', '''l''', 'lanowner'),
  ('pg_database', '''d''', 'datdba'), ('pg_tablespace', '''t''', 'spcowner'), ('pg_largeobject_metadata', '''L''', 'lomowner'),
  ('pg_foreign_data_wrapper', '''F''', 'fdwowner'), ('pg_foreign_server', '''S''', 'srvowner')
), columns as (
  select attrelid, attnum, attname, key, own, case
    when is_position or atttypid = 'pg_node_tree'::regtype or attname = 'attnum'
      then format('case when %1$s < 16384 then t.%2$I::text end', own, attname)
    when attname = 'objoid' then
      'case when t.objoid < 16384 then t.objoid::text else (pg_identify_object(t.classoid, t.objoid, 0)).identity end'
    when is_array then format('array(select case when o < 16384 then o::text else (pg_identify_object(%2$L::regclass, o, 0)).identity end
      from unnest(t.%1$I::oid[]) with ordinality as u(o, at) order by at)', attname, pktable)
    when pktable is not null then format('case when t.%1$I::oid < 16384 then t.%1$I::oid::text
      else (pg_identify_object(%2$L::regclass, t.%1$I::oid, 0)).identity end', attname, pktable)
    -- Rights that were given and taken back leave a list where there was none: both say the same.
    when atttypid = 'aclitem[]'::regtype and owned.catalog is not null
      then format('array(select i::text from unnest(coalesce(t.%I, acldefault((%s)::"char", t.%I))) as i order by 1)', attname, kind, owner)
    when atttypid = 'aclitem[]'::regtype
      then format('array(select i::text from unnest(t.%I) as i order by 1)', attname)
    when attname = 'rolpassword' then 'split_part(t.rolpassword, ''$'', 1) ~ ''^SCRAM'''
    when attname in ('subconninfo', 'umoptions') then format('md5(t.%I::text)', attname)
    -- Debian's PostgreSQL notes there at which place of its log a column was made.
    when attname = 'attoptions' then 'array(select o from unnest(t.attoptions) as o where o !~ ''^pg_attver='')'
    -- JSON's readers know no such numbers.
    when atttypid in ('anyarray'::regtype, 'bigint'::regtype) then format('t.%I::text', attname)
    else format('t.%I', attname) end as expression
  from attributes left join owned on attributes.attrelid = owned.catalog::regclass
  -- The row's own number, or that of what it adds to.
  cross join lateral (select case when exists (select from pg_attribute as o where o.attrelid = attributes.attrelid and o.attname = 'oid')
    then 't.oid' else format('t.%I::oid', key) end as own) as numbers
), definitions (catalog, expression) as (values
  ('pg_attrdef', 'pg_get_expr(t.adbin, t.adrelid)'),
  ('pg_class', 'case when t.relkind in (''v'', ''m'') then pg_get_viewdef(t.oid) else pg_get_expr(t.relpartbound, t.oid) end'),
  ('pg_constraint', 'pg_get_constraintdef(t.oid)'),
  ('pg_index', 'pg_get_indexdef(t.indexrelid)'),
  ('pg_partitioned_table', 'pg_get_partkeydef(t.partrelid)'),
  ('pg_policy', 'concat_ws('' / '', pg_get_expr(t.polqual, t.polrelid), pg_get_expr(t.polwithcheck, t.polrelid))'),
  ('pg_proc', 'concat_ws('' / '', pg_get_function_arguments(t.oid), pg_get_function_sqlbody(t.oid))'),
  ('pg_publication_rel', 'pg_get_expr(t.prqual, t.prrelid)'),
  ('pg_rewrite', 'pg_get_ruledef(t.oid)'),
  ('pg_statistic_ext', 'pg_get_statisticsobjdef(t.oid)'),
  ('pg_trigger', 'pg_get_triggerdef(t.oid)'),
  ('pg_type', 't.typdefault')
), catalogs as (
  select attrelid::regclass as catalog, key, own,
    string_agg(format('%L, %s', attname, expression), ', ' order by attnum) as body,
    exists (select from pg_attribute as o where o.attrelid = c.attrelid and o.attname = 'oid') as has_oid,
    exists (select from pg_class as o where o.oid = c.attrelid and o.relisshared) as shared,
    (select attname from pg_attribute as o where o.attrelid = c.attrelid and o.attname ~ 'name$' order by attnum limit 1) as name,
    (select a.pktable from attributes as a where a.attrelid = c.attrelid and a.attname = c.key) as key_of,
    -- Of thousands of rows that initdb made a digest is enough, but where statistics stand among them.
    attrelid not in ('pg_class'::regclass, 'pg_index'::regclass, 'pg_collation'::regclass) as brief
  from columns as c group by attrelid, key, own
)
select format($$select json_build_object('in', case when %5$L then '' else current_database() end, 'catalog', %1$L, 'key', %2$s,
    'row', case when %7$s then %8$s else jsonb_strip_nulls(jsonb_build_object(%3$s) || jsonb_build_object('definition', %4$s)) end)
    from %1$I as t %6$s$$,
  catalogs.catalog::text,
  case when catalogs.catalog = 'pg_largeobject_metadata'::regclass then '''large object '' || t.oid'
    -- A label of an enum is no object of its own to pg_identify_object().
    when catalogs.catalog = 'pg_enum'::regclass
      then 'concat_ws('' '', (pg_identify_object(''pg_type''::regclass, t.enumtypid, 0)).identity, t.enumlabel)'
    when has_oid then format('case when t.oid < 16384 then t.oid::text else (pg_identify_object(%L::regclass, t.oid, 0)).identity end', catalogs.catalog::text)
    -- Numbers from 16384 on are given in the order in which things were made: another one after an update or a restore.
    when key = 'objoid' then 'case when t.objoid < 16384 then t.objoid::text else (pg_identify_object(t.classoid, t.objoid, 0)).identity end'
    when key_of is not null then format('case when t.%1$I::oid < 16384 then t.%1$I::oid::text
      else (pg_identify_object(%2$L::regclass, t.%1$I::oid, 0)).identity end', key, key_of)
    else format('t.%I::text', key) end,
  body,
  case when d.expression is null then 'null' else format('case when %s >= 16384 then %s end', own, d.expression) end,
  shared,
  case when catalogs.catalog = 'pg_attribute'::regclass then 'where not t.attisdropped' else '' end,
  case when brief and not shared then own || ' < 16384' else 'false' end,
  format('jsonb_build_object(''name'', %s, ''md5'', md5(regexp_replace(t::text, ''pg_attver=\d+,?'', '''')))', case when name is null then 'null' else format('t.%I', name) end))
from catalogs left join definitions as d on d.catalog = catalogs.catalog::text
order by 1
\gexec
