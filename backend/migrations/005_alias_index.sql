-- Searches find aliases however they are separated: `thp9` finds THP-9.
create index genes_alias_keys_idx on genes using gin (alias_keys) with (fastupdate = on, gin_pending_list_limit = 65536);

create or replace function note_bulk_change() returns void
language plpgsql as $$
begin
  update data_state set words_stale = true;
  perform gin_clean_pending_list('genes_document_idx'), gin_clean_pending_list('genes_alias_keys_idx');
end $$;
