-- The words that occur in genes, to mend typing errors in searches: a misspelt word is replaced by the nearest of these.

-- A word and all it becomes when one character is left out. Two words one edit apart (a swap, a replaced, missing or
-- additional character) have one of these in common: the "symmetric delete" way to find them through an index.
create function word_deletes(word text) returns text[]
language sql immutable parallel safe strict
return array(
  select word union
  select left(word, place - 1) || substr(word, place + 1)
  from generate_series(1, least(length(word), 16)) as place
  where length(word) > 2
);

create table words (
  word text collate "C" primary key,
  -- How many genes have it.
  genes integer not null,
  deletes text[] not null generated always as (word_deletes(word)) stored
);
create index words_deletes_idx on words using gin (deletes) with (fastupdate = off);
create index words_trigrams_idx on words using gin (word gin_trgm_ops) with (fastupdate = off);

-- Words of a document that can be misspelt: no bare numbers, nothing shorter than three characters.
create function document_words(document tsvector) returns setof text
language sql immutable parallel safe strict rows 20
begin atomic
  select word from unnest(tsvector_to_array(document)) as word where length(word) > 2 and word !~ '^[0-9]+$';
end;

create function count_words(added tsvector[], removed tsvector[]) returns void
language sql as $$
  with delta as (
    select word, sum(amount)::integer as amount
    from (
      select word, 1 as amount from unnest(added) as document, document_words(document) as word
      union all
      select word, -1 from unnest(removed) as document, document_words(document) as word
    ) as counted
    group by word
    having sum(amount) <> 0
  )
  merge into words using delta on words.word = delta.word
  when matched and words.genes + delta.amount <= 0 then delete
  when matched then update set genes = words.genes + delta.amount
  when not matched and delta.amount > 0 then insert (word, genes) values (delta.word, delta.amount)
$$;
