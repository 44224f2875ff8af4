import { readFileSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync, gzipSync } from 'node:zlib';
import { querySql } from '../../database/sql.ts';
import { DescribedError } from '../../process/errors.ts';
import { mustRun, run, whenInterrupted } from '../../process/shell.ts';
import { stateDir } from '../../release/history.ts';

const CATALOG = readFileSync(new URL('catalog.sql', import.meta.url), 'utf8');
const SETTINGS = readFileSync(new URL('settings.sql', import.meta.url), 'utf8');
const START_MS = 60_000;

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
  return querySql(container, database, [SETTINGS, CATALOG, ...others].join('\n'));
}

/**
 * What `readCatalog` says of a release's own server: made once from its images and migrated by its own API, then kept.
 * @throws DescribedError when it cannot be made
 */
export async function readFreshCatalog(prefix: string, fresh: FreshServer): Promise<string> {
  const path = join(stateDir(prefix), 'fresh-catalog.json.gz');
  const key = JSON.stringify([fresh, CATALOG, SETTINGS]);
  const kept = await readFile(path).then(
    (bytes) => gunzipSync(bytes).toString().split('\0'),
    () => [],
  );
  if (kept[0] === key && kept[1]) return kept[1];
  const text = await withFreshServer(prefix, fresh, (server) =>
    readCatalog(server, fresh.env.POSTGRES_DB ?? ''),
  );
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, gzipSync(`${key}\0${text}`));
  return text;
}

const SANDBOX = [
  '--read-only',
  '--cap-drop=ALL',
  '--security-opt=no-new-privileges',
  '--pids-limit=200',
  '--memory=1g',
];

/** Runs work on a throwaway server without a network, which the release's API has migrated; removes it whatever happens. */
async function withFreshServer<T>(
  prefix: string,
  { postgres, backend, env }: FreshServer,
  work: (server: string) => Promise<T>,
): Promise<T> {
  const [server, api] = [`${prefix}-fresh-postgres`, `${prefix}-fresh-backend`];
  const remove = () => run(['docker', 'rm', '--force', '--volumes', api, server]);
  const done = whenInterrupted(remove);
  const start = (
    name: string,
    image: string,
    network: string,
    args: readonly string[],
    variables: Readonly<Record<string, string>>,
  ) =>
    mustRun(
      [
        'docker',
        'run',
        '--detach',
        '--init',
        '--name',
        name,
        '--network',
        network,
        '--pull',
        'never',
        ...SANDBOX,
        ...args,
      ].concat(
        Object.keys(variables).flatMap((key) => ['--env', key]),
        image,
      ),
      'see what Docker says',
      { env: variables },
    );
  try {
    await remove();
    const tmpfs = [
      '/tmp:mode=1777',
      '/run/postgresql:uid=999,gid=999,mode=0775',
      '/var/lib/postgresql/data:uid=999,gid=999,mode=0700',
    ];
    const password = 'of-a-server-without-a-network';
    await start(
      server,
      postgres,
      'none',
      tmpfs.flatMap((one) => ['--tmpfs', one]),
      { ...env, POSTGRES_PASSWORD: password },
    );
    await start(api, backend, `container:${server}`, ['--tmpfs', '/tmp'], {
      DATABASE_URL: `postgresql://${env.APP_USER}:${password}@127.0.0.1:5432/${env.POSTGRES_DB}`,
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

async function untilHealthy(api: string): Promise<void> {
  for (const end = Date.now() + START_MS; Date.now() < end; await sleep(300)) {
    if ((await run(['docker', 'exec', api, 'node', '/app/healthcheck.js'])).exitCode === 0) return;
  }
  const { stdout, stderr } = await run(['docker', 'logs', '--tail', '3', api]);
  throw new DescribedError(
    `The release's API does not get healthy on a fresh server: ${`${stdout}${stderr}`.trim()}`,
    'see whether the host is busy, then this again',
  );
}
