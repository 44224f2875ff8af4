import { sandboxArgv } from '../docker/sandbox-argv.ts';
import { DescribedError } from '../process/errors.ts';
import { mustRun, run, whenInterrupted } from '../process/shell.ts';
import { waitUntil } from '../process/wait.ts';

const START_MS = 60_000;
const API_MS = 60_000;
/** Should everything that removes it be killed, it ends by itself. */
const LIFE = '12h';
/** The server makes a cluster of its own and lets in whoever shares its loopback, which nobody else can reach. */
const SERVE = `initdb --username=postgres --auth-local=peer --auth-host=trust --data-checksums --no-sync >/dev/null
exec timeout --signal=INT "$0" postgres -c config_file=/etc/postgresql/postgresql.conf -c hba_file="$PGDATA/pg_hba.conf" "$@"`;

/** A database server without a network and, on its loopback, an API. */
export interface Throwaway {
  server: string;
  api: string;
}

/** Runs work on a throwaway server, and removes it whatever happens. @param image of the database */
export async function withThrowaway<T>(
  prefix: string,
  image: string,
  work: (names: Throwaway) => Promise<T>,
): Promise<T> {
  const names = { server: `${prefix}-drill`, api: `${prefix}-drill-api` };
  const remove = () => removeThrowaway(names);
  const release = whenInterrupted(remove);
  try {
    // One that a killed run left.
    await remove();
    await startServer(names.server, image);
    return await work(names);
  } finally {
    await remove();
    release();
  }
}

async function removeThrowaway({ server, api }: Throwaway): Promise<void> {
  await run(['docker', 'rm', '--force', '--volumes', api, server]);
  await run(['docker', 'volume', 'rm', '--force', server]);
}

async function startServer(name: string, image: string): Promise<void> {
  const files = ['--volume', `${name}:/var/lib/postgresql/data`, '--shm-size=256m'];
  const socket = '/run/postgresql:uid=999,gid=999,mode=0775,size=1m';
  const writable = ['--tmpfs', '/tmp:mode=1777,size=64m', '--tmpfs', socket];
  // As much as the service has itself.
  const limits = [...sandboxArgv({ memory: '1g', pids: 200 }), '--label', 'environment=drill'];
  const argv = ['docker', 'run', '--detach', '--init', '--name', name, ...limits, ...files, ...writable];
  const serve = ['--entrypoint', 'bash', image, '-euc', SERVE, LIFE, '-c', 'listen_addresses=127.0.0.1'];
  await mustRun([...argv, ...serve], 'see what Docker says');
  if (await waitFor(START_MS, ['docker', 'exec', name, 'pg_isready', '--quiet', '--host=127.0.0.1'])) return;
  throw new DescribedError(`The throwaway server did not start: ${await lastWords(name)}`, 'run it again');
}

/**
 * Starts the API on a database of the throwaway server, as an update of the stack would, and asks it what its health check asks.
 * @param image of the backend
 * @throws DescribedError when it does not get healthy
 */
export async function assertApiHealthy(
  { server, api }: Throwaway,
  image: string,
  { name, owner }: { name: string; owner: string },
): Promise<void> {
  const env = [
    `DATABASE_URL=postgresql://${encodeURIComponent(owner)}@127.0.0.1:5432/${encodeURIComponent(name)}`,
    'SECRET_KEY=this-key-signs-nothing-in-a-restore-drill',
    'ALLOWED_HOSTS=127.0.0.1',
  ].flatMap((one) => ['--env', one]);
  // It shares the throwaway server's loopback.
  const network = `container:${server}`;
  const limits = [...sandboxArgv({ network, memory: '512m', pids: 200 }), '--tmpfs', '/tmp'];
  const argv = ['docker', 'run', '--detach', '--init', '--name', api, ...limits, ...env, image];
  await mustRun(argv, 'see what Docker says');
  if (await waitFor(API_MS, ['docker', 'exec', api, 'node', '/app/healthcheck.js'])) return;
  throw new DescribedError(`the API does not get healthy on it: ${await lastWords(api)}`, 'see what it says');
}

async function lastWords(container: string): Promise<string> {
  const { stdout, stderr } = await run(['docker', 'logs', '--tail', '5', container]);
  return `${stdout}${stderr}`.trim();
}

async function waitFor(ms: number, argv: readonly string[]): Promise<boolean> {
  return (await waitUntil(async () => (await run(argv)).exitCode === 0 || undefined, ms)) === true;
}
