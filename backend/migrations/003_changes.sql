-- Change capture: every change of a gene gets a number, in the order of commits, and wakes those who LISTEN.

create table changes (
  seq bigint primary key,
  at timestamptz not null,
  op text not null check (op in ('insert', 'update', 'delete')),
  hgnc_id text not null,
  symbol text not null
);

create sequence change_seq;

-- Writers queue here until the one before them commits: so numbers become visible in ascending order, and a reader who
-- has seen number n has seen all before it. A rollback leaves a gap, which harms nobody.
create function lock_data_state() returns trigger
language plpgsql as $$
begin
  perform from data_state for update;
  return null;
end $$;

create function stamp_gene() returns trigger
language plpgsql as $$
begin
  if tg_op = 'UPDATE' then
    -- Writing what is there already is no change.
    if (new.hgnc_id, new.symbol, new.name, new.aliases, new.chromosome, new.band, new.inheritance, new.disease_group,
        new.evidence, new.diseases)
      is not distinct from
       (old.hgnc_id, old.symbol, old.name, old.aliases, old.chromosome, old.band, old.inheritance, old.disease_group,
        old.evidence, old.diseases)
    then
      return null;
    end if;
  end if;
  new.seq := nextval('change_seq');
  new.updated_at := clock_timestamp();
  return new;
end $$;

-- Notes that data are now at change number `newest`; one notification reaches listeners at commit, however often it is
-- sent before. The feed keeps the last 100,000 changes.
create function note_data_change(newest bigint, new_floor bigint) returns void
language plpgsql as $$
declare
  oldest_kept constant bigint := newest - 100000;
begin
  update data_state
  set seq = newest, floor = greatest(floor, new_floor, oldest_kept), changed_at = clock_timestamp();
  delete from changes where seq <= oldest_kept;
  perform pg_notify('genes_changed', '');
end $$;

create function record_inserted_genes() returns trigger
language plpgsql as $$
begin
  if not exists (select from new_genes) then return null; end if;
  insert into changes (seq, at, op, hgnc_id, symbol)
  select seq, updated_at, 'insert', hgnc_id, symbol from new_genes;
  perform count_words((select array_agg(document) from new_genes), '{}');
  perform note_data_change((select max(seq) from new_genes), 0);
  return null;
end $$;

create function record_updated_genes() returns trigger
language plpgsql as $$
begin
  if not exists (select from new_genes) then return null; end if;
  insert into changes (seq, at, op, hgnc_id, symbol)
  select seq, updated_at, 'update', hgnc_id, symbol from new_genes;
  -- Whoever knows a gene by its old symbol learns that it is gone.
  insert into changes (seq, at, op, hgnc_id, symbol)
  select nextval('change_seq'), clock_timestamp(), 'delete', hgnc_id, symbol
  from old_genes
  where upper(symbol) not in (select upper(symbol) from new_genes);
  perform count_words((select array_agg(document) from new_genes), (select array_agg(document) from old_genes));
  perform note_data_change((select max(seq) from changes), 0);
  return null;
end $$;

create function record_deleted_genes() returns trigger
language plpgsql as $$
begin
  if not exists (select from old_genes) then return null; end if;
  insert into changes (seq, at, op, hgnc_id, symbol)
  select nextval('change_seq'), clock_timestamp(), 'delete', hgnc_id, symbol from old_genes;
  perform count_words('{}', (select array_agg(document) from old_genes));
  perform note_data_change((select max(seq) from changes), 0);
  return null;
end $$;

-- Changes that no list of genes describes: everybody reads everything anew.
create function record_truncated_genes() returns trigger
language plpgsql as $$
declare
  newest constant bigint := nextval('change_seq');
begin
  truncate words;
  perform note_data_change(newest, newest);
  return null;
end $$;

create function record_changed_groups() returns trigger
language plpgsql as $$
declare
  newest bigint;
begin
  if exists (select from changed_groups) then
    newest := nextval('change_seq');
    perform note_data_change(newest, newest);
  end if;
  return null;
end $$;

create trigger a_lock before insert or update or delete or truncate on genes
for each statement execute function lock_data_state();
create trigger b_stamp before insert or update on genes
for each row execute function stamp_gene();
create trigger c_inserted after insert on genes referencing new table as new_genes
for each statement execute function record_inserted_genes();
create trigger c_updated after update on genes referencing old table as old_genes new table as new_genes
for each statement execute function record_updated_genes();
create trigger c_deleted after delete on genes referencing old table as old_genes
for each statement execute function record_deleted_genes();
create trigger c_truncated after truncate on genes
for each statement execute function record_truncated_genes();

create trigger a_lock before insert or update or delete on disease_groups
for each statement execute function lock_data_state();
create trigger c_inserted after insert on disease_groups referencing new table as changed_groups
for each statement execute function record_changed_groups();
create trigger c_updated after update on disease_groups referencing new table as changed_groups
for each statement execute function record_changed_groups();
create trigger c_deleted after delete on disease_groups referencing old table as changed_groups
for each statement execute function record_changed_groups();
