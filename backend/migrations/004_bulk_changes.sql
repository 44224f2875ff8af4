-- Imports of many genes in a few seconds: search documents are written by the trigger that stamps a row, in a third of
-- the time that generated columns took; the search index takes a bulk change in one go; and the words that mend typing
-- errors are counted afterwards, in the background.

-- Letters, digits and single spaces; lower case, no accents.
create or replace function fold_text(value text) returns text
language sql immutable parallel safe strict
return regexp_replace(lower(public.unaccent('public.unaccent'::regdictionary, value)), '[^[:alnum:]]+', ' ', 'g');

alter table genes drop column document, drop column symbol_key, drop column alias_keys;
drop function gene_document, disease_texts, compact_texts, search_words;

-- The search document. Weights: symbol and id A, aliases B, name C, diseases with their ids D (which is the default).
create function gene_document(symbol text, hgnc_id text, aliases text[], name text, diseases jsonb) returns tsvector
language sql stable parallel safe
return setweight(to_tsvector('simple', fold_text(symbol || ' ' || hgnc_id)), 'A')
  || setweight(to_tsvector('simple', fold_text(array_to_string(aliases, ' '))), 'B')
  || setweight(to_tsvector('simple', fold_text(name)), 'C')
  || to_tsvector('simple', fold_text(jsonb_path_query_array(diseases, '$[*].*')::text));

-- Aliases as compact_text() writes them, which needs no list taken apart.
create function compact_texts(list text[]) returns text[]
language sql stable parallel safe
return string_to_array(
  regexp_replace(
    lower(public.unaccent('public.unaccent'::regdictionary, array_to_string(list, '|'))), '[^[:alnum:]|]+', '', 'g'
  ),
  '|'
);

create or replace function stamp_gene() returns trigger
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
  new.symbol_key := compact_text(new.symbol);
  new.alias_keys := compact_texts(new.aliases);
  new.document := gene_document(new.symbol, new.hgnc_id, new.aliases, new.name, new.diseases);
  return new;
end $$;

alter table genes disable trigger user;
alter table genes
  add column symbol_key text collate "C",
  add column alias_keys text[],
  add column document tsvector;
update genes
set symbol_key = compact_text(symbol),
  alias_keys = compact_texts(aliases),
  document = gene_document(symbol, hgnc_id, aliases, name, diseases);
alter table genes
  alter column symbol_key set not null,
  alter column alias_keys set not null,
  alter column document set not null;
alter table genes enable trigger user;

create index genes_compact_symbol_idx on genes (symbol_key);
-- Entries of a bulk change gather in a large pending list and are merged at its end; small ones are merged by autovacuum.
create index genes_document_idx on genes using gin (document) with (fastupdate = on, gin_pending_list_limit = 65536);

-- A bulk change left the words of the genes to be counted anew.
alter table data_state add column words_stale boolean not null default true;

drop function count_words, document_words;
truncate words;
alter index words_deletes_idx set (fastupdate = on);
alter index words_trigrams_idx set (fastupdate = on);

-- Words that can be misspelt: no bare numbers, nothing shorter than three characters.
create function is_correctable(word text) returns boolean
language sql immutable parallel safe strict
return length(word) between 3 and 64 and word !~ '^[0-9]+$';

-- Counts the words of some documents in or out.
create function count_words(added tsvector[], removed tsvector[]) returns void
language sql as $$
  with delta as (
    select word, sum(amount)::integer as amount
    from (
      select word, 1 as amount from unnest(added) as document, unnest(tsvector_to_array(document)) as word
      union all
      select word, -1 from unnest(removed) as document, unnest(tsvector_to_array(document)) as word
    ) as counted
    where is_correctable(word)
    group by word
    having sum(amount) <> 0
  )
  merge into words using delta on words.word = delta.word
  when matched and words.genes + delta.amount <= 0 then delete
  when matched then update set genes = words.genes + delta.amount
  when not matched and delta.amount > 0 then insert (word, genes) values (delta.word, delta.amount)
$$;

-- Counts the words of all genes anew, if a bulk change asked for it. Searches go on meanwhile; writers wait.
create function refresh_words() returns boolean
language plpgsql as $$
begin
  perform from data_state where words_stale for update;
  if not found then return false; end if;
  create temporary table counted on commit drop as
  select word collate "C" as word, ndoc from ts_stat('select document from genes') where is_correctable(word);
  delete from words where not exists (select from counted where counted.word = words.word);
  insert into words (word, genes)
  select word, ndoc from counted
  on conflict (word) do update set genes = excluded.genes where words.genes <> excluded.genes;
  perform gin_clean_pending_list('words_deletes_idx'), gin_clean_pending_list('words_trigrams_idx');
  -- Answers to misspelt searches change with it.
  update data_state set words_stale = false, changed_at = clock_timestamp();
  return true;
end $$;

-- A change of many genes at once: its words are left to refresh_words(), and the search index is tidied, else each search
-- would read what the change left behind.
create function note_bulk_change() returns void
language plpgsql as $$
begin
  update data_state set words_stale = true;
  perform gin_clean_pending_list('genes_document_idx');
end $$;

create or replace function record_inserted_genes() returns trigger
language plpgsql as $$
declare
  amount constant bigint := (select count(*) from new_genes);
begin
  if amount = 0 then return null; end if;
  insert into changes (seq, at, op, hgnc_id, symbol)
  select seq, updated_at, 'insert', hgnc_id, symbol from new_genes;
  if amount > 1000 then perform note_bulk_change();
  else perform count_words((select array_agg(document) from new_genes), '{}');
  end if;
  perform note_data_change((select max(seq) from new_genes), 0);
  return null;
end $$;

create or replace function record_updated_genes() returns trigger
language plpgsql as $$
declare
  amount constant bigint := (select count(*) from new_genes);
begin
  if amount = 0 then return null; end if;
  insert into changes (seq, at, op, hgnc_id, symbol)
  select seq, updated_at, 'update', hgnc_id, symbol from new_genes;
  -- Whoever knows a gene by its old symbol learns that it is gone.
  insert into changes (seq, at, op, hgnc_id, symbol)
  select nextval('change_seq'), clock_timestamp(), 'delete', hgnc_id, symbol
  from old_genes
  where upper(symbol) not in (select upper(symbol) from new_genes);
  if amount > 1000 then perform note_bulk_change();
  else perform count_words((select array_agg(document) from new_genes), (select array_agg(document) from old_genes));
  end if;
  perform note_data_change((select max(seq) from changes), 0);
  return null;
end $$;

create or replace function record_deleted_genes() returns trigger
language plpgsql as $$
declare
  amount constant bigint := (select count(*) from old_genes);
begin
  if amount = 0 then return null; end if;
  insert into changes (seq, at, op, hgnc_id, symbol)
  select nextval('change_seq'), clock_timestamp(), 'delete', hgnc_id, symbol from old_genes;
  if amount > 1000 then perform note_bulk_change();
  else perform count_words('{}', (select array_agg(document) from old_genes));
  end if;
  perform note_data_change((select max(seq) from changes), 0);
  return null;
end $$;

create or replace function record_truncated_genes() returns trigger
language plpgsql as $$
declare
  newest constant bigint := nextval('change_seq');
begin
  update data_state set words_stale = true;
  perform note_data_change(newest, newest);
  return null;
end $$;
