-- The server's configuration as it is in force and as its files say, and what lives in no catalog.
set search_path = pg_catalog;

select json_build_object('in', '', 'catalog', 'pg_settings', 'key', name, 'row', json_build_object('setting', setting,
  'reset_val', reset_val, 'source', source, 'sourcefile', sourcefile, 'pending_restart', pending_restart)) from pg_settings
union all
select json_build_object('in', '', 'catalog', 'pg_file_settings', 'key', concat_ws(' in ', name, sourcefile),
  'row', json_build_object('setting', setting, 'applied', applied, 'error', error)) from pg_file_settings
union all
select json_build_object('in', '', 'catalog', 'pg_hba_file_rules', 'key', rule_number, 'row', to_jsonb(h))
from pg_hba_file_rules as h
union all
select json_build_object('in', '', 'catalog', 'pg_ident_file_mappings', 'key', map_number, 'row', to_jsonb(i))
from pg_ident_file_mappings as i
union all
select json_build_object('in', '', 'catalog', 'pg_replication_slots', 'key', slot_name,
  'row', json_build_object('type', slot_type, 'plugin', plugin, 'database', database)) from pg_replication_slots
union all
select json_build_object('in', '', 'catalog', 'pg_prepared_xacts', 'key', gid,
  'row', json_build_object('owner', owner, 'database', database)) from pg_prepared_xacts;
