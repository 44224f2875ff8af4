import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { superuser } from '../../database/client-argv.ts';
import { querySql } from '../../database/sql.ts';
import { sandboxArgv } from '../../docker/sandbox-argv.ts';
import { DescribedError } from '../../process/errors.ts';
import { writeWhole } from '../../process/files.ts';
import { ROOT } from '../../process/root.ts';
import { mustRun, run, whenInterrupted } from '../../process/shell.ts';
import { waitUntil } from '../../process/wait.ts';

const CATALOG = readFileSync(new URL('catalog.sql', import.meta.url), 'utf8');
const SETTINGS = readFileSync(new URL('settings.sql', import.meta.url), 'utf8');
const START_MS = 120_000;
const CACHE = join(ROOT, 'artifacts/verify');
/** How many releases' servers are kept. */
const KEPT = 4;

/** A release's server as it is fresh from its images. */
export interface FreshServer {
  /** Ids of the images. */
  postgres: string;
  backend: string;
  /** POSTGRES_DB, APP_USER, POSTGRES_INITDB_ARGS: what the server is made with. */
  env: Readonly<Record<string, string>>;
}

/**
 * Reads everything that a server is, but for its data, as catalog.sql and settings.sql tell it.
 * @returns lines of JSON
 * @throws DescribedError with what the server says
 */
export function readCatalog(container: string, database: string): Promise<string> {
  // What databases are made of is a way in, too.
  const others = ['postgres', 'template1'].map((name) => `\\connect ${name}\n${CATALOG}`);
  // As the superuser in every database: it reads catalogs alone, which run nothing.
  return querySql({ ...superuser(container), database }, [SETTINGS, CATALOG, ...others].join('\n'));
}

/**
 * What `readCatalog` says of a release's own server: made once from its images and migrated by its own API, then kept under
 * the hash of what it was made of, for every stack of this checkout.
 * @throws DescribedError when it cannot be made
 */
export async function readFreshCatalog(prefix: string, fresh: FreshServer): Promise<string> {
  const key = createHash('sha256').update(JSON.stringify([fresh, CATALOG, SETTINGS]));
  const path = join(CACHE, `catalog-${key.digest('hex')}.json.gz`);
  const kept = await readFile(path)
    .then((bytes) => gunzipSync(bytes).toString())
    .catch(() => undefined);
  if (kept !== undefined) return kept;
  const text = await withFreshServer(prefix, fresh, (server) =>
    readCatalog(server, fresh.env.POSTGRES_DB ?? ''),
  );
  await mkdir(CACHE, { recursive: true });
  await removeOldest();
  writeWhole(path, gzipSync(text), { mode: 0o600 });
  return text;
}

/** Makes room for one more: a release that is verified again is read again. */
async function removeOldest(): Promise<void> {
  const names = (await readdir(CACHE)).filter((name) => name.startsWith('catalog-'));
  const byAge = names.map((name) => ({
    name,
    at: statSync(join(CACHE, name), { throwIfNoEntry: false })?.mtimeMs ?? 0,
  }));
  for (const { name } of byAge.sort((one, other) => other.at - one.at).slice(KEPT - 1))
    await rm(join(CACHE, name), { force: true });
}

const PASSWORD = 'of-a-server-without-a-network';
const SERVER_FILES = [
  '/tmp:mode=1777',
  '/run/postgresql:uid=999,gid=999,mode=0775',
  '/var/lib/postgresql/data:uid=999,gid=999,mode=0700',
].flatMap((one) => ['--tmpfs', one]);

/** Runs work on a throwaway server without a network, which the release's API has migrated; removes it whatever happens. */
async function withFreshServer<T>(
  prefix: string,
  { postgres, backend, env }: FreshServer,
  work: (server: string) => Promise<T>,
): Promise<T> {
  const [server, api] = [`${prefix}-fresh-postgres`, `${prefix}-fresh-backend`];
  const remove = () => run(['docker', 'rm', '--force', '--volumes', api, server]);
  const done = whenInterrupted(remove);
  try {
    await remove();
    await start(server, [...sandboxArgv({ memory: '1g', pids: 200 }), ...SERVER_FILES], postgres, {
      ...env,
      POSTGRES_PASSWORD: PASSWORD,
    });
    await start(api, [...sandboxArgv({ network: `container:${server}` }), '--tmpfs', '/tmp'], backend, {
      DATABASE_URL: `postgresql://${env.APP_USER}:${PASSWORD}@127.0.0.1:5432/${env.POSTGRES_DB}`,
      SECRET_KEY: 'this-key-signs-nothing-on-a-throwaway-server',
      ALLOWED_HOSTS: '127.0.0.1',
    });
    await untilHealthy(api);
    return await work(server);
  } finally {
    await remove();
    done();
  }
}

function start(
  name: string,
  flags: readonly string[],
  image: string,
  variables: Readonly<Record<string, string>>,
): Promise<string> {
  const env = Object.keys(variables).flatMap((key) => ['--env', key]);
  const argv = ['docker', 'run', '--detach', '--init', '--name', name, ...flags, ...env, image];
  return mustRun(argv, 'see what Docker says', { env: variables });
}

async function untilHealthy(api: string): Promise<void> {
  const argv = ['docker', 'exec', api, 'node', '/app/healthcheck.js'];
  const ask = async () => ((await run(argv)).exitCode === 0 ? true : undefined);
  if (await waitUntil(ask, START_MS, 300)) return;
  const { stdout, stderr } = await run(['docker', 'logs', '--tail', '3', api]);
  throw new DescribedError(
    `The release's API does not get healthy on a fresh server: ${`${stdout}${stderr}`.trim()}`,
    'see whether the host is busy, then this again',
  );
}
