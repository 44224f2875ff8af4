import { objectExists } from '../docker/inspect.ts';
import { sandboxArgv } from '../docker/sandbox-argv.ts';
import { DescribedError } from '../process/errors.ts';
import { mustRun, run, whenInterrupted } from '../process/shell.ts';
import { waitUntil } from '../process/wait.ts';
import type { StackSettings } from '../stack/stack.ts';
import { assertVersion, type Loaded, loadBackup } from './load.ts';
import type { Drill, Manifest } from './manifest.ts';
import type { BackupStore } from './store.ts';
import { assertDigest, digestOf, readIdentities } from './streams.ts';

const START_MS = 60_000;
const API_MS = 60_000;
/** Should everything that removes it be killed, it ends by itself. */
const LIFE = '12h';
/** The server makes a cluster of its own and lets in whoever shares its loopback, which nobody else can reach. */
const SERVE = `initdb --username=postgres --auth-local=peer --auth-host=trust --data-checksums --no-sync >/dev/null
exec timeout --signal=INT "$0" postgres -c config_file=/etc/postgresql/postgresql.conf -c hba_file="$PGDATA/pg_hba.conf" "$@"`;

export interface DrillJob {
  settings: StackSettings;
  store: BackupStore;
  manifest: Manifest;
  identityFile?: string | undefined;
  onProgress?: (bytes: number) => void;
}

/**
 * Proves a backup: restores it into a throwaway server without a network, compares it with its manifest and has the API
 * ask it for its health. What it found is noted in the manifest. Needs the lock of the stack's backups.
 * @throws DescribedError when the drill itself could not be made; a backup that is no good is a result
 */
export async function drillBackup(job: DrillJob): Promise<Drill> {
  const { manifest, store, settings } = job;
  // A key that is missing says nothing of the backup.
  readIdentities(manifest, job.identityFile);
  for (const image of ['postgres', 'backend']) await assertImage(`${settings.prefix}-${image}:latest`);
  const drill =
    (await findDamage(job)) ?? (await withThrowaway(settings, manifest, (names) => examine(job, names)));
  await store.saveManifest({ ...manifest, drill });
  return drill;
}

/** A file that is not the one that was written needs no server to be judged. */
async function findDamage({ manifest, store }: DrillJob): Promise<Drill | undefined> {
  try {
    assertDigest(manifest, await digestOf(await store.read(manifest)));
    return undefined;
  } catch (error) {
    return failedDrill(error);
  }
}

/** What the host lacks says nothing of the backup, and must not let it be thinned out as a bad one. */
const OF_THE_HOST = /no space left|could not extend file|out of memory|is not running|no such container/i;

function failedDrill(error: unknown): Drill {
  if (!(error instanceof DescribedError) || OF_THE_HOST.test(error.message)) throw error;
  return { at: new Date().toISOString(), ok: false, restoreMs: 0, problems: [error.message] };
}

async function assertImage(image: string): Promise<void> {
  if (!(await objectExists('image', image)))
    throw new DescribedError(`${image} is missing`, 'make prod-build');
}

interface Names {
  server: string;
  api: string;
}

async function examine(job: DrillJob, { server, api }: Names): Promise<Drill> {
  const at = new Date().toISOString();
  const { manifest } = job;
  await assertVersion(server, manifest);
  let loaded: Loaded;
  try {
    loaded = await loadBackup({ ...job, container: server, target: manifest.database.name });
  } catch (error) {
    return failedDrill(error);
  }
  const problems = [...loaded.problems];
  const health = await askHealth(job, server, api);
  if (health) problems.push(health);
  return { at, ok: problems.length === 0, restoreMs: loaded.ms, problems };
}

/** Runs work on a throwaway server, and removes it whatever happens. */
async function withThrowaway<T>(
  settings: StackSettings,
  manifest: Manifest,
  work: (names: Names) => Promise<T>,
): Promise<T> {
  const names = { server: `${settings.prefix}-drill`, api: `${settings.prefix}-drill-api` };
  const remove = () => removeThrowaway(names);
  const release = whenInterrupted(remove);
  try {
    // One that a killed run left.
    await remove();
    await startServer(settings, names.server, manifest);
    return await work(names);
  } finally {
    await remove();
    release();
  }
}

async function removeThrowaway({ server, api }: Names): Promise<void> {
  await run(['docker', 'rm', '--force', '--volumes', api, server]);
  await run(['docker', 'volume', 'rm', '--force', server]);
}

async function startServer(settings: StackSettings, name: string, manifest: Manifest): Promise<void> {
  const files = ['--volume', `${name}:/var/lib/postgresql/data`, '--shm-size=256m'];
  const writable = [
    '--tmpfs',
    '/tmp:mode=1777,size=64m',
    '--tmpfs',
    '/run/postgresql:uid=999,gid=999,mode=0775,size=1m',
  ];
  // As much as the service has itself.
  const limits = [...sandboxArgv({ memory: '1g', pids: 200 }), '--label', 'environment=drill'];
  const argv = ['docker', 'run', '--detach', '--init', '--name', name, ...limits, ...files, ...writable];
  const serve = ['--entrypoint', 'bash', `${settings.prefix}-postgres:latest`, '-euc', SERVE, LIFE];
  await mustRun([...argv, ...serve, '-c', 'listen_addresses=127.0.0.1'], 'see what Docker says');
  const ask = ['docker', 'exec', name, 'pg_isready', '--quiet', '--host=127.0.0.1'];
  if (await waitFor(START_MS, ask)) return;
  const { stderr } = await run(['docker', 'logs', '--tail', '5', name]);
  throw new DescribedError(
    `The throwaway server for ${manifest.name} did not start: ${stderr.trim()}`,
    'run it again',
  );
}

/**
 * Starts the API on the restored data, as an update of the stack would, and asks it what its health check asks.
 * @returns what is wrong; nothing when it is healthy
 */
async function askHealth(
  { settings, manifest }: DrillJob,
  server: string,
  api: string,
): Promise<string | undefined> {
  const { name, owner } = manifest.database;
  const env = [
    `DATABASE_URL=postgresql://${owner}@127.0.0.1:5432/${name}`,
    'SECRET_KEY=this-key-signs-nothing-in-a-restore-drill',
    'ALLOWED_HOSTS=127.0.0.1',
  ].flatMap((one) => ['--env', one]);
  // It shares the throwaway server's loopback.
  const network = `container:${server}`;
  const limits = [...sandboxArgv({ network, memory: '512m', pids: 200 }), '--tmpfs', '/tmp'];
  const argv = ['docker', 'run', '--detach', '--init', '--name', api, ...limits, ...env];
  await mustRun([...argv, `${settings.prefix}-backend:latest`], 'see what Docker says');
  if (await waitFor(API_MS, ['docker', 'exec', api, 'node', '/app/healthcheck.js'])) return undefined;
  const { stdout, stderr } = await run(['docker', 'logs', '--tail', '3', api]);
  return `the API does not get healthy on it: ${`${stdout}${stderr}`.trim()}`;
}

async function waitFor(ms: number, argv: readonly string[]): Promise<boolean> {
  return (await waitUntil(async () => (await run(argv)).exitCode === 0 || undefined, ms)) === true;
}
