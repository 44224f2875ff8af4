import { type SignIn, superuser } from '../../database/client-argv.ts';
import { ownerOf } from '../../database/sign-in.ts';
import { queryJson } from '../../database/sql.ts';
import { DescribedError } from '../../process/errors.ts';
import type { ContainerFacts, DatabaseFacts } from '../facts.ts';

/** What holds in the application's own sessions: asked as its role, whose settings, and the database's, go before the server's. */
const AS_OWNER = `
SELECT json_build_object(
  'durability', (SELECT json_object_agg(name, setting) FROM pg_settings
    WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit')),
  'logging', (SELECT json_object_agg(name, setting) FROM pg_settings
    WHERE name IN ('log_statement', 'log_parameter_max_length', 'log_parameter_max_length_on_error')),
  'publicRights', array_remove(ARRAY[
    CASE WHEN has_database_privilege('public', current_database(), 'CONNECT') THEN 'connect to the database' END,
    CASE WHEN has_schema_privilege('public', 'public', 'CREATE') THEN 'create in the schema public' END], NULL))`;

/** What only the superuser may read; passwords are told by their kind alone. */
const AS_SUPERUSER = `
SELECT json_build_object(
  'version', current_setting('server_version_num')::int,
  'checksums', current_setting('data_checksums'),
  'passwordEncryption', current_setting('password_encryption'),
  'maxConnections', current_setting('max_connections')::int,
  'reservedConnections', current_setting('superuser_reserved_connections')::int
    + coalesce(current_setting('reserved_connections', true), '0')::int,
  'rules', (SELECT coalesce(json_agg(json_build_object('line', line_number, 'type', coalesce(type, ''),
      'users', coalesce(array_to_string(user_name, ','), ''), 'address', coalesce(address, ''),
      'method', coalesce(auth_method, ''), 'error', coalesce(error, '')) ORDER BY line_number), '[]')
    FROM pg_hba_file_rules),
  'roles', (SELECT json_agg(json_build_object('name', rolname, 'login', rolcanlogin,
      'powers', array_remove(ARRAY[
        CASE WHEN rolsuper THEN 'superuser' END, CASE WHEN rolcreatedb THEN 'createdb' END,
        CASE WHEN rolcreaterole THEN 'createrole' END, CASE WHEN rolreplication THEN 'replication' END,
        CASE WHEN rolbypassrls THEN 'bypassrls' END], NULL),
      'password', CASE WHEN rolpassword IS NULL THEN 'none' WHEN rolpassword LIKE 'SCRAM-SHA-256$%' THEN 'scram'
        WHEN rolpassword LIKE 'md5%' THEN 'md5' ELSE 'other' END,
      'memberOf', ARRAY(SELECT parent.rolname FROM pg_auth_members m JOIN pg_authid parent ON parent.oid = m.roleid
        WHERE m.member = pg_authid.oid)))
    FROM pg_authid WHERE rolname !~ '^pg_'))`;

/**
 * Asks the database over the socket, as its owner and as its superuser.
 * @param metrics what the backend says of itself
 */
export async function askDatabase(postgres: ContainerFacts, metrics: string): Promise<DatabaseFacts | null> {
  const [asOwner, asSuperuser] = await Promise.all([
    ownerOrServer(postgres).then((session) => queryJson(session, AS_OWNER)),
    queryJson(superuser(postgres.name), AS_SUPERUSER),
  ]).catch((error) => {
    if (error instanceof DescribedError) return [];
    throw error;
  });
  if (!asOwner || !asSuperuser) return null;
  const poolMax = /^\w*database_pool_max(?:\{[^}]*\})? (\d+)/m.exec(metrics)?.[1];
  return {
    ...(Object.assign({}, ...asOwner, ...asSuperuser) as Omit<DatabaseFacts, 'poolMax' | 'applicationRole'>),
    poolMax: poolMax === undefined ? null : Number(poolMax),
    applicationRole: postgres.env.APP_USER ?? '',
  };
}

/** An owner that has become a superuser is asked nothing in its own database; the server's own one then tells of its settings. */
function ownerOrServer(postgres: ContainerFacts): Promise<SignIn> {
  return ownerOf(postgres.name, postgres.env.POSTGRES_DB ?? 'postgres').catch((error) => {
    if (error instanceof DescribedError) return superuser(postgres.name);
    throw error;
  });
}
