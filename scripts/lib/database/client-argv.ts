/** The name of the rule in pg_ident.conf by which the server's own system user may be any role, see deploy/postgres. */
export const OWNER_MAP = 'owner';
const SUPERUSER = 'postgres';

/** Who signs in to which database of a server in a container, and how. */
export interface SignIn {
  container: string;
  database: string;
  user: string;
  /**
   * socket: by the system user, without a password. loopback: by the password in the container's own secret file. given: by
   * the password in this process's PGPASSWORD, as the API does it.
   */
  by: 'socket' | 'loopback' | 'given';
  /** What the session looks names up in: the server's own unless said. */
  searchPath?: string;
  /** After so many seconds the program is ended: a trigger of the owner may sleep for ever. */
  limitSeconds?: number | undefined;
}

/** The superuser, who sets foot in the server's own database alone: nobody else can write there. */
export function superuser(container: string): SignIn {
  return { container, database: SUPERUSER, user: SUPERUSER, by: 'socket' };
}

/** Reads the password inside the container, where it lies: it stands in no command line. */
const WITH_PASSWORD = `PGPASSWORD="$(cat "\${POSTGRES_PASSWORD_FILE:-/dev/null}")" exec "$@"`;

/**
 * setpriv(1): a program whose `timeout` was killed ends with it. It would go on by itself, with an output that nobody reads any
 * more, and whoever waits for that would wait for ever.
 */
const DIES_WITH_PARENT = ['setpriv', '--pdeathsig', 'KILL', '--'];

/**
 * The command line of a program of PostgreSQL (psql, pg_dump, pg_restore) in the server's container. What a session resolves
 * names by is said when it connects, and so goes before what the owner has set for role or database.
 * @param name what the session is called in pg_stat_activity
 */
export function clientArgv(
  signIn: SignIn,
  program: string,
  args: readonly string[] = [],
  name = 'kidney-genetics',
): string[] {
  const { container, by, limitSeconds } = signIn;
  const password = by === 'given' ? ['--env', 'PGPASSWORD'] : [];
  const limit =
    limitSeconds === undefined ? [] : ['timeout', '-k', '5', String(limitSeconds), ...DIES_WITH_PARENT];
  const shell = by === 'loopback' ? ['sh', '-c', WITH_PASSWORD, 'sh'] : [];
  const client = [program, '--no-password', ...args, `--dbname=${connection(signIn, name)}`];
  return ['docker', 'exec', '-i', ...password, container, ...limit, ...shell, ...client];
}

/** @param variables for :'name' and :"name" in the SQL; not the place for a secret */
export function psqlArgv(signIn: SignIn, variables: Readonly<Record<string, string>> = {}): string[] {
  const set = Object.entries(variables).flatMap(([key, value]) => ['-v', `${key}=${value}`]);
  return clientArgv(signIn, 'psql', ['-XqAt', '-v', 'ON_ERROR_STOP=1', ...set]);
}

/** A connection string: names of databases and roles are input, and none is read as anything else. */
function connection({ database, user, by, searchPath = 'pg_catalog' }: SignIn, name: string): string {
  const settings = { search_path: searchPath, row_security: 'off', standard_conforming_strings: 'on' };
  const options = Object.entries(settings).map(
    ([key, value]) => `-c ${key}=${value.replace(/[\\ ]/g, '\\$&')}`,
  );
  const parts = {
    dbname: database,
    user,
    host: by === 'socket' ? '/run/postgresql' : '127.0.0.1',
    application_name: name,
    client_encoding: 'UTF8',
    options: options.join(' '),
  };
  return Object.entries(parts)
    .map(([key, value]) => `${key}='${value.replace(/[\\']/g, '\\$&')}'`)
    .join(' ');
}
