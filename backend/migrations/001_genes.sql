-- Genes, their groups, and the one row that says how new the data are.

create extension if not exists pg_trgm;
create extension if not exists unaccent;
create extension if not exists fuzzystrmatch;

create table disease_groups (
  slug text primary key check (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$' and length(slug) <= 60),
  name text not null check (name <> '' and length(name) <= 120),
  description text not null default '' check (length(description) <= 2000)
);

-- A gene's diseases live in its row: they are read, edited and versioned as one document.
create function is_disease_list(diseases jsonb) returns boolean
language sql immutable parallel safe strict
return jsonb_typeof(diseases) = 'array' and not exists (
  select from jsonb_array_elements(case jsonb_typeof(diseases) when 'array' then diseases else '[]' end) as disease
  where (
    jsonb_typeof(disease) = 'object'
    and jsonb_typeof(disease -> 'name') = 'string'
    and length(disease ->> 'name') between 1 and 300
    -- These characters separate diseases and their ids in CSV exports.
    and disease ->> 'name' !~ '[|{}[:cntrl:]]'
    and coalesce(disease ->> 'omimId' ~ '^OMIM:[0-9]{6}$', disease ? 'omimId')
    and coalesce(disease ->> 'orphaId' ~ '^ORPHA:[0-9]{1,7}$', disease ? 'orphaId')
    and jsonb_typeof(disease -> 'inheritance') = 'array'
    and disease -> 'inheritance' <@ '["AD", "AR", "XL", "XLD", "XLR", "MT", "digenic"]'
    and disease - array['name', 'omimId', 'orphaId', 'inheritance'] = '{}'
  ) is not true
);

create function is_alias_list(aliases text[]) returns boolean
language sql immutable parallel safe strict
return cardinality(aliases) <= 60 and not exists (
  select from unnest(aliases) as alias
  where (alias <> '' and length(alias) <= 80 and alias !~ '[|[:cntrl:]]') is not true
);

-- Searching compares folded text: lower case, no accents.
create function fold_text(value text) returns text
language sql immutable parallel safe strict
return lower(public.unaccent('public.unaccent'::regdictionary, value));

-- Letters and digits only: how symbols are compared, so that `HLA-DRB1`, `hla drb1` and `HLADRB1` are the same.
create function compact_text(value text) returns text
language sql immutable parallel safe strict
return regexp_replace(lower(public.unaccent('public.unaccent'::regdictionary, value)), '[^[:alnum:]]+', '', 'g');

create function compact_texts(list text[]) returns text[]
language sql immutable parallel safe strict
return (select coalesce(array_agg(compact_text(item)), '{}') from unnest(list) as item);

-- The folded words of a text, in order, each of at most 64 characters.
create function search_words(value text) returns text[]
language sql immutable parallel safe strict
return (
  select coalesce(array_agg(left(word, 64) order by place), '{}')
  from regexp_split_to_table(fold_text(value), '[^[:alnum:]]+') with ordinality as words (word, place)
  where word <> ''
);

create function disease_texts(diseases jsonb) returns text
language sql immutable parallel safe strict
return (
  select coalesce(string_agg(concat_ws(' ', disease ->> 'name', disease ->> 'omimId', disease ->> 'orphaId'), ' '), '')
  from jsonb_array_elements(diseases) as disease
);

-- The search document. Weights: symbol and ids A, aliases B, name C, diseases D.
create function gene_document(symbol text, hgnc_id text, aliases text[], name text, diseases jsonb) returns tsvector
language sql immutable parallel safe
return setweight(to_tsvector('simple', array_to_string(search_words(symbol || ' ' || hgnc_id), ' ')), 'A')
  || setweight(to_tsvector('simple', array_to_string(search_words(array_to_string(aliases, ' ')), ' ')), 'B')
  || setweight(to_tsvector('simple', array_to_string(search_words(name), ' ')), 'C')
  || setweight(to_tsvector('simple', array_to_string(search_words(disease_texts(diseases)), ' ')), 'D');

create table genes (
  hgnc_id text primary key check (hgnc_id ~ '^HGNC:[1-9][0-9]{0,8}$'),
  symbol text not null check (symbol ~ '^[A-Za-z0-9][A-Za-z0-9._@-]{0,39}$'),
  name text not null check (name <> '' and length(name) <= 300 and name !~ '[[:cntrl:]]'),
  aliases text[] not null default '{}' check (is_alias_list(aliases)),
  chromosome text not null check (chromosome ~ '^([1-9]|1[0-9]|2[0-2]|X|Y|MT)$'),
  band text not null default '' check (band ~ '^[A-Za-z0-9.() -]{0,40}$'),
  inheritance text[] not null default '{}'
    check (inheritance <@ array['AD', 'AR', 'XL', 'XLD', 'XLR', 'MT', 'digenic'] and array_position(inheritance, null) is null),
  disease_group text not null references disease_groups (slug),
  evidence text check (evidence in ('definitive', 'strong', 'moderate', 'limited')),
  diseases jsonb not null default '[]' check (is_disease_list(diseases)),
  -- Set by triggers: the number and time of the row's last change.
  seq bigint not null,
  updated_at timestamptz not null,
  symbol_key text not null generated always as (compact_text(symbol)) stored,
  alias_keys text[] not null generated always as (compact_texts(aliases)) stored,
  chromosome_rank smallint not null generated always as (
    case chromosome when 'X' then 23 when 'Y' then 24 when 'MT' then 25 else chromosome::smallint end) stored,
  evidence_rank smallint not null generated always as (
    case evidence when 'definitive' then 1 when 'strong' then 2 when 'moderate' then 3 when 'limited' then 4 else 5 end) stored,
  document tsvector not null generated always as (gene_document(symbol, hgnc_id, aliases, name, diseases)) stored
);

create unique index genes_symbol_key on genes (upper(symbol) collate "C");
create index genes_compact_symbol_idx on genes (symbol_key collate "C");
create index genes_disease_group_idx on genes (disease_group);
-- No pending list: a search must not pay for the import before it.
create index genes_document_idx on genes using gin (document) with (fastupdate = off);

-- One row: `seq` is the number of the newest change. Whoever resumes from before `floor` must read everything anew.
create table data_state (
  only_row boolean primary key default true check (only_row),
  seq bigint not null default 0,
  floor bigint not null default 0,
  changed_at timestamptz not null default now(),
  -- When the shipped genes were loaded; set once, so that an operator's own data are never overwritten.
  seeded_at timestamptz
);
insert into data_state default values;

-- The last result of each kind of operation, written by the host's scripts.
create table operations_status (
  kind text primary key,
  finished_at timestamptz not null,
  ok boolean not null,
  detail jsonb not null default '{}',
  -- Set by a trigger: a failure must not hide when the last good one was.
  last_ok_at timestamptz
);

create function keep_last_ok() returns trigger
language plpgsql as $$
begin
  new.last_ok_at := case
    when new.ok then new.finished_at
    when tg_op = 'UPDATE' then old.last_ok_at
  end;
  return new;
end $$;

create trigger keep_last_ok before insert or update on operations_status
for each row execute function keep_last_ok();
