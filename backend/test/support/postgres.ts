import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { mustRun, run } from '../../../scripts/lib/process/shell.ts';

/** The PostgreSQL of a test run. */
export interface TestPostgres {
  container: string;
  /** On 127.0.0.1. */
  port: number;
  user: string;
  password: string;
}

const container = `${process.env.TEST_PREFIX || 'kgt'}-api-postgres-${process.pid}`;
const hint = 'make prod-build makes the image; docker logs says more';
const user = 'kidney_user';

/** Starts the project's own image on data in memory; `timeout` ends it even when nobody is left to remove it. */
export async function startPostgres(): Promise<TestPostgres> {
  const password = randomBytes(16).toString('hex');
  const mounts = [
    '/var/lib/postgresql/data:uid=999,gid=999,mode=0700',
    '/run/postgresql:uid=999,gid=999,mode=0775',
  ];
  const config = ['config_file=/etc/postgresql/postgresql.conf', 'fsync=off', 'max_connections=150'];
  await mustRun(
    [
      ...[
        'docker',
        'run',
        '-d',
        '--rm',
        '--init',
        '--name',
        container,
        '-p',
        '127.0.0.1::5432',
        '--shm-size',
        '128m',
      ],
      ...mounts.flatMap((mount) => ['--tmpfs', mount]),
      ...['-e', 'POSTGRES_PASSWORD', '-e', 'POSTGRES_DB=kidney_genetics', '-e', `APP_USER=${user}`],
      ...['--entrypoint', 'timeout', `${process.env.STACK_PREFIX || 'kidney-genetics'}-postgres:latest`],
      ...['900', 'docker-entrypoint.sh', 'postgres', ...config.flatMap((setting) => ['-c', setting])],
    ],
    hint,
    { env: { POSTGRES_PASSWORD: password } },
  );
  const published = await mustRun(['docker', 'port', container, '5432/tcp'], hint);
  const port = Number(published.trim().split(':').at(-1));
  await untilReady();
  return { container, port, user, password };
}

/** Over TCP: during initialisation a temporary server answers on the socket. */
async function untilReady(): Promise<void> {
  const probe = ['docker', 'exec', container, 'pg_isready', '-q', '-h', '127.0.0.1', '-d', 'kidney_genetics'];
  for (let tries = 0; tries < 240; tries += 1) {
    if ((await run(probe)).exitCode === 0) return;
    await sleep(250);
  }
  throw new Error(`PostgreSQL did not start in a minute: docker logs ${container}`);
}

export async function removePostgres(): Promise<void> {
  await run(['docker', 'rm', '-f', container]);
}

/** The server that the test run started. */
export function findPostgres(): TestPostgres {
  const text = process.env.TEST_POSTGRES;
  if (!text) throw new Error('These tests need a database: npx tsx backend/test/run.ts FILE');
  return JSON.parse(text) as TestPostgres;
}

/** Runs SQL as the superuser, and gives the bare result. */
export async function superuserSql(database: string, statement: string): Promise<string> {
  const psql = ['psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-U', 'postgres', '-d', database];
  const { container: name } = findPostgres();
  return (await mustRun(['docker', 'exec', '-i', name, ...psql], hint, { input: statement })).trim();
}

/**
 * Makes an empty database that the API's role owns.
 *
 * @returns its address
 */
export async function createDatabase(name: string): Promise<string> {
  const { port, password } = findPostgres();
  await superuserSql(
    'postgres',
    `drop database if exists ${name} with (force); create database ${name} owner ${user};`,
  );
  return `postgresql://${user}:${password}@127.0.0.1:${port}/${name}`;
}
