import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { warnOfCollations } from '../../lib/database/collation.ts';
import { ROOT } from '../../lib/process/root.ts';
import { mustRun, run } from '../../lib/process/shell.ts';
import { loadSettings } from '../../lib/stack/project.ts';
import { TEST_PREFIX, until } from './harness.ts';

const NAME = `${TEST_PREFIX}-first-start`;
const HINT = 'see above';
const MARK = '/var/lib/postgresql/data/.first-start';

describe("the database's image", { timeout: 300_000 }, () => {
  const image = `${loadSettings().prefix}-postgres:latest`;
  const inside = (...argv: string[]) => run(['docker', 'exec', NAME, ...argv]);
  const ask = async (user: string, sql: string) =>
    (await inside('psql', '-XqAt', '-U', user, '-d', 'genes', '-c', sql)).stdout.trim();
  const isUp = async () => (await inside('pg_isready', '-q', '-h', '127.0.0.1')).exitCode === 0;

  async function clear(): Promise<void> {
    await run(['docker', 'rm', '-f', NAME]);
    await run(['docker', 'volume', 'rm', '-f', NAME]);
  }

  /** Starts it as the stack does, and returns in the middle of its first start. */
  async function startAnew(): Promise<void> {
    await clear();
    const tmpfs = ['--tmpfs', '/tmp', '--tmpfs', '/run/postgresql:uid=999,gid=999,mode=0775'];
    const guards = ['--read-only', '--cap-drop', 'ALL', '--network', 'none', ...tmpfs];
    const volume = ['--volume', `${NAME}:/var/lib/postgresql/data`];
    const env = ['-e', 'POSTGRES_PASSWORD', '-e', 'POSTGRES_DB=genes', '-e', 'APP_USER=ada'];
    const argv = ['docker', 'run', '-d', '--init', '--name', NAME, ...guards, ...volume, ...env, image];
    await mustRun(argv, HINT, { env: { POSTGRES_PASSWORD: 'of-a-server-without-a-network' } });
    await until('the first start', 60_000, async () => (await inside('ls', MARK)).exitCode === 0, 20);
  }

  before(clear);
  after(clear);

  it('begins anew when its first start was killed, at any moment of it', async () => {
    for (const ms of [0, 700, 1500, 2500]) {
      await startAnew();
      await sleep(ms);
      await run(['docker', 'kill', NAME]);
      await mustRun(['docker', 'start', NAME], HINT);
      await until(`the server, after a kill at ${ms} ms`, 60_000, isUp);
      assert.equal(await ask('ada', 'select session_user'), 'ada');
      assert.equal(await ask('postgres', `select rolsuper from pg_roles where rolname = 'ada'`), 'f');
      assert.notEqual((await inside('ls', MARK)).exitCode, 0, 'nothing of the first start is left');
    }
  });

  it('keeps the data of a server that was killed', async () => {
    await ask('ada', 'create table kept as select 1 as one');
    await run(['docker', 'kill', NAME]);
    await mustRun(['docker', 'start', NAME], HINT);
    await until('the server', 60_000, isUp);
    assert.equal(await ask('ada', 'select one from kept'), '1');
  });

  it('ends at once when it is stopped in its first start', async () => {
    await startAnew();
    const started = Date.now();
    await mustRun(['docker', 'stop', '-t', '60', NAME], HINT);
    assert.ok(Date.now() - started < 15_000, `${Date.now() - started} ms`);
    const { stdout } = await run(['docker', 'inspect', '-f', '{{.State.ExitCode}}', NAME]);
    assert.equal(stdout.trim(), '143', 'by itself, and not by a kill');
  });

  it('refuses a folder of other files, and touches none of them', async () => {
    await clear();
    const mount = ['--volume', `${NAME}:/var/lib/postgresql/data`];
    const touch = ['--entrypoint', 'touch', image, '/var/lib/postgresql/data/precious'];
    await mustRun(['docker', 'run', '--rm', ...mount, ...touch], HINT);
    const { exitCode, stderr } = await run(['docker', 'run', '--rm', ...mount, image]);
    assert.equal(exitCode, 1);
    assert.match(stderr, /holds files but no cluster: precious\n.*-> use an empty volume/);
  });

  it('can be read whatever the umask of the checkout was', async () => {
    const folder = mkdtempSync(join(tmpdir(), `${NAME}-`));
    try {
      cpSync(join(ROOT, 'deploy/postgres'), join(folder, 'deploy/postgres'), { recursive: true });
      cpSync(join(ROOT, 'deploy/postgres.Dockerfile'), join(folder, 'Dockerfile'));
      await mustRun(['chmod', '-R', 'go-rwx', folder], HINT);
      const labels = JSON.parse(
        await mustRun(['docker', 'image', 'inspect', '-f', '{{json .Config.Labels}}', image], HINT),
      ) as Record<string, string>;
      const base = `POSTGRES_BASE=${labels['org.opencontainers.image.base.name']}`;
      await mustRun(['docker', 'build', '-q', '--build-arg', base, '-t', `${NAME}:closed`, folder], HINT);
      const look = ['find', '/etc/postgresql', '/usr/local/sbin', '!', '-readable'];
      const argv = [
        'docker',
        'run',
        '--rm',
        '--entrypoint',
        look[0] ?? '',
        `${NAME}:closed`,
        ...look.slice(1),
      ];
      assert.equal(await mustRun(argv, HINT), '');
    } finally {
      rmSync(folder, { recursive: true, force: true });
      await run(['docker', 'rmi', '-f', `${NAME}:closed`]);
    }
  });

  it('warns in health when the order of words is of another version', async () => {
    await startAnew();
    await until('the server', 60_000, isUp);
    await inside(
      'psql',
      '-XqAt',
      '-U',
      'postgres',
      '-c',
      `update pg_database set datcollversion = '1.0' where datname = 'genes'`,
    );
    const said: string[] = [];
    const write = process.stderr.write.bind(process.stderr);
    process.stderr.write = ((text: string) => said.push(text) > 0) as typeof process.stderr.write;
    await warnOfCollations(NAME).finally(() => {
      process.stderr.write = write;
    });
    const command = / → (docker exec .*)/.exec(said.join(''))?.[1] ?? '';
    assert.match(command, /REINDEX DATABASE genes/);
    await mustRun(['sh', '-c', command], HINT);
    assert.equal(
      await ask(
        'postgres',
        `select datcollversion = pg_database_collation_actual_version(oid) from pg_database where datname = 'genes'`,
      ),
      't',
    );
  });
});
