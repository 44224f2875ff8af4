import { findContainer } from '../docker/containers.ts';
import { DescribedError, Exit } from '../process/errors.ts';
import { containerName, type StackSettings } from '../stack/stack.ts';
import { OWNER_MAP, type SignIn, superuser } from './client-argv.ts';
import { queryJson } from './sql.ts';

const OWNER_SECONDS = 60;

/** Whether the server lets its system user in as any role: version 16 or newer, and our rule. */
const READ_OWNER = `select json_build_object('owner', r.rolname, 'superuser', r.rolsuper, 'socket',
  current_setting('server_version_num')::int >= 160000 and exists (select from pg_hba_file_rules
    where type = 'local' and auth_method = 'peer' and options = array['map=' || :'map']))
from pg_database as d join pg_roles as r on r.oid = d.datdba where d.datname = :'database';`;

interface Found {
  owner: string;
  superuser: boolean;
  socket: boolean;
}

/**
 * The owner of a database, as whom everything is done that touches what is in there. It signs in itself (session_user): after
 * SET ROLE or SET SESSION AUTHORIZATION a function of its own could go back to being the superuser.
 * @throws DescribedError where there is no such database, or its owner is a superuser
 */
export async function ownerOf(container: string, database: string): Promise<SignIn> {
  const [found] = await queryJson<Found>(superuser(container), READ_OWNER, { database, map: OWNER_MAP });
  if (!found) throw new DescribedError(`There is no database ${database}`, 'make prod-health');
  if (found.superuser) {
    throw new DescribedError(
      `The database ${database} belongs to the superuser ${found.owner}, as whom nothing in it is run`,
      `give it to the application's role: ALTER DATABASE ${database} OWNER TO ...`,
    );
  }
  const by = found.socket ? 'socket' : 'loopback';
  return { container, database, user: found.owner, by, limitSeconds: OWNER_SECONDS };
}

/**
 * The owner of the stack's database.
 * @throws DescribedError (exit 3) when the stack's database does not run
 */
export async function ownerOfStack(settings: StackSettings, database: string): Promise<SignIn> {
  const name = containerName(settings, 'kidney-genetics-postgres');
  const container = await findContainer(name);
  if (container?.state === 'running' && container.health === 'healthy') return ownerOf(name, database);
  const state = container ? `${container.state}, ${container.health}` : 'not up';
  throw new DescribedError(
    `The database ${name} is ${state}`,
    'make prod-up, then make prod-health',
    Exit.missing,
  );
}
