-- Searches that were never asked before, and imports, in less time.

-- Similar words are looked for among words of letters alone: in a code such as a symbol, one character more makes it another
-- code, and all codes of a series resemble each other.
create index words_letters_idx on words using gin (word gin_trgm_ops) with (fastupdate = on) where word !~ '[0-9]';
drop index words_trigrams_idx;

-- A bulk change leaves what follows from it to refresh_words(), which a backend runs as soon as it hears of it. Until then
-- a search also reads what waits to be merged into the search index.
create or replace function note_bulk_change() returns void
language sql as $$
  update data_state set words_stale = true
$$;

create or replace function refresh_words() returns boolean
language plpgsql as $$
begin
  if not exists (select from data_state where words_stale) then return false; end if;
  -- Before the lock that writers wait for.
  perform gin_clean_pending_list('genes_document_idx'), gin_clean_pending_list('genes_alias_keys_idx');
  analyze genes;
  perform from data_state where words_stale for update;
  if not found then return false; end if;
  create temporary table counted on commit drop as
  select word collate "C" as word, ndoc from ts_stat('select document from genes') where is_correctable(word);
  delete from words where not exists (select from counted where counted.word = words.word);
  insert into words (word, genes)
  select word, ndoc from counted
  on conflict (word) do update set genes = excluded.genes where words.genes <> excluded.genes;
  perform gin_clean_pending_list('words_deletes_idx'), gin_clean_pending_list('words_letters_idx');
  analyze words;
  -- Answers to misspelt searches change with it.
  update data_state set words_stale = false, changed_at = clock_timestamp();
  return true;
end $$;
