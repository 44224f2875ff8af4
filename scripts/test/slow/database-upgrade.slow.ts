import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ROOT } from '../../lib/process/root.ts';
import { mustRun, run } from '../../lib/process/shell.ts';
import { loadSettings } from '../../lib/stack/project.ts';
import { volumeName } from '../../lib/stack/stack.ts';
import { startScript, TEST_PREFIX, TestStack } from '../e2e/harness.ts';

/**
 * Not part of `make test`, for the minutes that an older PostgreSQL takes to be made from Debian 12's packages:
 * node --import tsx --test scripts/test/slow/database-upgrade.slow.ts
 */
const OLD = '15';
const OLD_IMAGE = `${TEST_PREFIX}-postgres-${OLD}`;
const HINT = 'see the output above';

describe('make prod-db-upgrade', { timeout: 1_800_000 }, () => {
  let stack: TestStack;
  let latest: string;
  let args: Record<string, string>;
  const count = () => stack.sql('SELECT count(*), max(seq) FROM genes');
  const major = async () => (await stack.sql('SHOW server_version_num')).slice(0, 2);
  const upgrade = (...flags: string[]) => stack.script('db-upgrade', [...flags, '--yes'], args);

  before(async () => {
    stack = await TestStack.create('upgrade');
    latest = `${stack.name('postgres')}:latest`;
    args = { BACKUP_DIR: join(stack.tmp, 'back ups') };
    Object.assign(stack.env, args);
    await makeOldImage(stack.tmp);
    await mustRun(['docker', 'tag', OLD_IMAGE, latest], HINT);
    await stack.mustScript('npm-network', ['create']);
    await stack.mustScript('up');
    await mustRun(['docker', 'tag', `${loadSettings().prefix}-postgres:latest`, latest], HINT);
  });
  after(async () => {
    if (!stack) return;
    await stack.destroy();
    await run(['docker', 'volume', 'rm', `${volumeName(stack.settings)}-${OLD}`]);
    await stack.dispose();
    await run(['docker', 'rmi', OLD_IMAGE, `${OLD_IMAGE}-base`, `${OLD_IMAGE}-root`]);
  });

  it('prod-update with the database refuses, and names the way', async () => {
    const refused = await stack.script('update', ['--no-build', '--with-database']);
    assert.equal(refused.exitCode, 1);
    assert.match(refused.stderr, /PostgreSQL 17, and the data are those of 15\n.*make prod-db-upgrade/);
    assert.equal(await major(), OLD);
  });

  it('moves everything to the new version, and keeps the old data', async () => {
    await stack.sql(`UPDATE genes SET name = 'kept over the upgrade' WHERE symbol = 'PKD1'`);
    const had = await count();
    const result = await upgrade();
    assert.equal(result.exitCode, 0, result.stdout + result.stderr);
    assert.match(result.stdout, /Upgraded; the API was away for/);
    assert.equal(await major(), '17');
    assert.equal(await stack.sql(`SELECT name FROM genes WHERE symbol = 'PKD1'`), 'kept over the upgrade');
    assert.equal((await count()).split('|')[0], had.split('|')[0]);
    await stack.untilHealthy();
    assert.match(await stack.mustScript('up'), /Already up and unchanged/);
    assert.match((await upgrade()).stdout, /nothing to do/);
  });

  it('goes back to the old data, though the secrets are others by now, and keeps the new ones in a backup', async () => {
    await stack.mustScript('rotate-secrets');
    const result = await upgrade('--undo');
    assert.equal(result.exitCode, 0, result.stdout + result.stderr);
    assert.match(result.stdout, /What was written since the upgrade is in \S+\.dump/);
    assert.equal(await major(), OLD);
    assert.equal(await stack.sql(`SELECT name FROM genes WHERE symbol = 'PKD1'`), 'kept over the upgrade');
  });

  it('killed at any point it is completed by the next run, and prod-up refuses meanwhile', async () => {
    const path = join(ROOT, 'deploy/state', stack.settings.prefix, 'database-upgrade.json');
    for (const step of ['begun', 'dumped', 'emptied']) {
      const { child } = startScript(stack, 'db-upgrade', ['--yes']);
      const read = () => {
        try {
          return (JSON.parse(readFileSync(path, 'utf8')) as { step: string }).step;
        } catch {
          return '';
        }
      };
      for (const end = Date.now() + 300_000; read() !== step && Date.now() < end; ) await sleep(20);
      child.kill('SIGKILL');
      const up = await stack.script('up');
      assert.match(up.stderr, /An upgrade of the database was interrupted/, step);
    }
    const result = await upgrade();
    assert.equal(result.exitCode, 0, result.stdout + result.stderr);
    assert.equal(await major(), '17');
    assert.equal(await stack.sql(`SELECT name FROM genes WHERE symbol = 'PKD1'`), 'kept over the upgrade');
    await stack.untilHealthy();
  });

  it('removes the old data when told', async () => {
    assert.equal((await upgrade('--drop-old')).exitCode, 0);
    const old = await run(['docker', 'volume', 'inspect', `${volumeName(stack.settings)}-${OLD}`]);
    assert.notEqual(old.exitCode, 0);
  });
});

/** The project's database image on the older PostgreSQL of Debian 12, made as the stand-ins of base images are. */
async function makeOldImage(folder: string): Promise<void> {
  if ((await run(['docker', 'image', 'inspect', OLD_IMAGE])).exitCode === 0) return;
  const base = join(ROOT, 'deploy/base');
  const [tar, context] = [join(folder, 'root.tar'), join(folder, 'base')];
  await mustRun(
    [
      ...['mmdebstrap', '--variant=minbase', '--format=tar', `--include=postgresql-${OLD},locales`],
      ...[`--dpkgopt=${base}/dpkg.cfg`, `--dpkgopt=${base}/postgres/dpkg.cfg`],
      ...[`--hook-directory=${base}/hooks`, `--hook-directory=${base}/postgres/hooks`],
      ...['bookworm', tar, '/etc/apt/sources.list.d/debian.sources'],
    ],
    HINT,
  );
  await mustRun(['docker', 'import', tar, `${OLD_IMAGE}-root`], HINT);
  rmSync(tar);
  mkdirSync(context);
  const text = readFileSync(join(base, 'postgres/Dockerfile'), 'utf8');
  const dockerfile = text.replace(/(postgresql\/|PG_MAJOR=)17/g, `$1${OLD}`);
  writeFileSync(join(context, 'Dockerfile'), dockerfile);
  await mustRun(['cp', join(base, 'postgres/docker-entrypoint.sh'), context], HINT);
  const root = ['--build-arg', `ROOT=${OLD_IMAGE}-root`, '--build-arg', `PG_VERSION=${OLD}`];
  await mustRun(['docker', 'build', ...root, '--tag', `${OLD_IMAGE}-base`, context], HINT);
  const argv = ['docker', 'build', '--file', 'deploy/postgres.Dockerfile', '--tag', OLD_IMAGE];
  await mustRun([...argv, '--build-arg', `POSTGRES_BASE=${OLD_IMAGE}-base`, '.'], HINT, { cwd: ROOT });
}
