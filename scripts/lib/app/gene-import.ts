import type { GeneLine, RowProblem } from './gene-table.ts';

/** What an import did, or would do: numbers of genes. */
export interface ImportCounts {
  added: number;
  changed: number;
  unchanged: number;
  removed: number;
}

/** The last line that the script prints. */
export type ImportAnswer = { problems: RowProblem[] } | ImportCounts;

export interface ImportOptions {
  /** Genes that are not in the file are removed. */
  replace: boolean;
  /** Nothing is changed. */
  dryRun: boolean;
  /** Disease groups that are not there yet are added. */
  newGroups: boolean;
}

const fields = `symbol = s.symbol, name = s.name, aliases = s.aliases, chromosome = s.chromosome, band = s.band,
  inheritance = s.inheritance, disease_group = s."diseaseGroup", evidence = s.evidence, evidence_source = s."evidenceSource",
  evidence_date = s."evidenceDate", evidence_url = s."evidenceUrl", diseases = s.diseases`;
const values = (table: 's' | 'g') =>
  table === 's'
    ? `s.symbol, s.name, s.aliases, s.chromosome, s.band, s.inheritance, s."diseaseGroup", s.evidence,
  s."evidenceSource", s."evidenceDate", s."evidenceUrl", s.diseases`
    : `g.symbol, g.name, g.aliases, g.chromosome, g.band, g.inheritance, g.disease_group, g.evidence,
  g.evidence_source, g.evidence_date, g.evidence_url, g.diseases`;
const missing = `not exists (select from staged s where s."hgncId" = g.hgnc_id)`;
const differs = `(${values('s')}) is distinct from (${values('g')})`;

/** Characters that no JSON text has: each line of it is then one cell, as it is. */
const copyOptions = String.raw`(format csv, delimiter e'\x01', quote e'\x02')`;

/** What psql reads before the rows. All that follows is one transaction: without its end nothing has happened. */
export const importHead = `begin;
set local lock_timeout = '60s';
set local statement_timeout = 0;
set local work_mem = '64MB';
set local jit = off;
create temporary table rows (content json) on commit drop;
copy rows from stdin with ${copyOptions};
`;

/** A row as psql reads it. */
export function formatImportRow({ line, gene }: GeneLine): string {
  return `${JSON.stringify({ line, ...gene })}\n`;
}

/** What psql reads after the rows; it prints one line, an `ImportAnswer`. */
export function importTail({ replace, dryRun, newGroups }: ImportOptions): string {
  return `\\.
-- First what every writer locks first.
select from data_state for update \\g /dev/null
create temporary table staged on commit drop as
select r.* from rows, json_to_record(content) as r (line integer, symbol text, "hgncId" text, name text, aliases text[],
  chromosome text, band text, inheritance text[], "diseaseGroup" text, evidence text,
  "evidenceSource" text, "evidenceDate" text, "evidenceUrl" text, diseases jsonb);
create index on staged ("hgncId");
create index on staged (upper(symbol));
analyze staged ("hgncId", symbol);
${newGroups ? addGroups : ''}
create temporary table problems on commit drop as
select line, 'diseaseGroup' as "column", format('"%s" is no disease group; there are: %s (NEW_GROUPS=1 adds it)', "diseaseGroup",
  (select string_agg(slug, ', ' order by slug) from disease_groups)) as problem
from staged where "diseaseGroup" not in (select slug from disease_groups)
union all
select line, 'symbol', format('"%s" is the symbol of %s', s.symbol, g.hgnc_id)
from staged s join genes g on upper(g.symbol) = upper(s.symbol) and g.hgnc_id <> s."hgncId"
where ${replace ? 'false' : `not exists (select from staged other where other."hgncId" = g.hgnc_id)`};
select count(*) > 0 as bad from problems \\gset
\\if :bad
select json_build_object('problems', (select json_agg(p order by line, "column") from problems p));
rollback;
\\quit
\\endif
select json_build_object(
  'added', (select count(*) from staged s where not exists (select from genes g where g.hgnc_id = s."hgncId")),
  'changed', (select count(*) from staged s join genes g on g.hgnc_id = s."hgncId" where ${differs}),
  'unchanged', (select count(*) from staged s join genes g on g.hgnc_id = s."hgncId" where not (${differs})),
  'removed', ${replace ? `(select count(*) from genes g where ${missing})` : '0'}) as counts \\gset
${dryRun ? 'rollback;' : change(replace)}
\\echo :counts
`;
}

/** Of a slug that the schema takes; its name is the slug in words, which a person may change later. */
const addGroups = `insert into disease_groups (slug, name)
select distinct "diseaseGroup", upper(left("diseaseGroup", 1)) || replace(substr("diseaseGroup", 2), '-', ' ') from staged
where "diseaseGroup" ~ '^[a-z0-9]+(-[a-z0-9]+)*$' and length("diseaseGroup") <= 60
on conflict do nothing;`;

function change(replace: boolean): string {
  return `${replace ? `delete from genes g where ${missing};` : ''}
-- Genes of the file may take each other's symbols: those that lose theirs come anew.
delete from genes g using staged s
where s."hgncId" = g.hgnc_id and upper(s.symbol) <> upper(g.symbol)
  and exists (select from staged other where upper(other.symbol) = upper(g.symbol));
update genes g set ${fields} from staged s where s."hgncId" = g.hgnc_id and ${differs};
insert into genes (hgnc_id, symbol, name, aliases, chromosome, band, inheritance, disease_group, evidence,
  evidence_source, evidence_date, evidence_url, diseases)
select s."hgncId", ${values('s')} from staged s
where not exists (select from genes g where g.hgnc_id = s."hgncId") order by s.line;
commit;`;
}
