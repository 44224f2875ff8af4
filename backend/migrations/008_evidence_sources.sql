-- Where a gene's evidence class comes from. All may be empty: a version that does not know the columns goes on beside this one.
alter table genes
  add column evidence_source text
    check (evidence_source ~ '^[^[:space:][:cntrl:]]([^[:cntrl:]]*[^[:space:][:cntrl:]])?$' and length(evidence_source) <= 200),
  -- As exact as it is known: 2023, 2023-11 or 2023-11-30.
  add column evidence_date text
    check (evidence_date ~ '^(19|20)[0-9]{2}(-(0[1-9]|1[0-2])(-(0[1-9]|[12][0-9]|3[01]))?)?$'),
  add column evidence_url text
    check (evidence_url ~ '^https://[^[:space:][:cntrl:]"<>]+$' and length(evidence_url) <= 500);

create or replace function stamp_gene() returns trigger
language plpgsql as $$
begin
  if tg_op = 'UPDATE' then
    -- Writing what is there already is no change.
    if (new.hgnc_id, new.symbol, new.name, new.aliases, new.chromosome, new.band, new.inheritance, new.disease_group,
        new.evidence, new.evidence_source, new.evidence_date, new.evidence_url, new.diseases)
      is not distinct from
       (old.hgnc_id, old.symbol, old.name, old.aliases, old.chromosome, old.band, old.inheritance, old.disease_group,
        old.evidence, old.evidence_source, old.evidence_date, old.evidence_url, old.diseases)
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
