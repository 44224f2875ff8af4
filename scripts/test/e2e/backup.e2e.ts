import assert from 'node:assert/strict';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { generateIdentity, identityToRecipient } from 'age-encryption';
import type { Manifest } from '../../lib/backup/manifest.ts';
import { mustRun, run } from '../../lib/process/shell.ts';
import {
  assertNoBrokenFile,
  backupFolder,
  backupKey,
  backupStack,
  newest,
  putManifest,
  readManifests,
  watchMemory,
} from './backup-support.ts';
import { startScript, type TestStack } from './harness.ts';

const ROWS = 200_000;

describe('backups', { timeout: 900_000 }, () => {
  let stack: TestStack;

  before(async () => {
    stack = await backupStack('backup', ROWS);
  });
  after(() => stack?.dispose());

  const status = async (kind: string) =>
    stack.sql(`SELECT ok, detail ->> 'message' FROM operations_status WHERE kind = '${kind}'`);

  it('says in yellow that there is none yet, and is healthy', async () => {
    const health = await stack.script('health');
    assert.equal(health.exitCode, 0, health.stderr);
    assert.match(health.stderr, /there is no backup yet: make prod-backup/);
  });

  it('is a whole dump with a manifest of the same moment, readable by its owner alone', async () => {
    const started = startScript(stack, 'backup');
    const peak = await watchMemory(started);
    assert.equal(await started.ended, 0);
    assert.ok(peak < 150 * 1024 ** 2, `the script took ${Math.round(peak / 1024 ** 2)} MiB`);
    const folder = backupFolder(stack);
    const manifest = newest(stack);
    assertNoBrokenFile(folder);
    assert.equal(manifest.tables['public.measured'], ROWS);
    assert.equal(manifest.schemaVersion, await stack.sql('SELECT max(name) FROM schema_migrations'));
    assert.equal(statSync(folder).mode & 0o777, 0o700);
    for (const name of readdirSync(folder))
      assert.equal(statSync(join(folder, name)).mode & 0o777, 0o600, name);
    assert.deepEqual(
      manifest.roles.map(({ name }) => name),
      ['kidney_user'],
    );
    assert.doesNotMatch(JSON.stringify(manifest), /PASSWORD|SCRAM/i);
    assert.match(await status('backup'), /^t\|\S+\.dump, /);
    const { backups } = JSON.parse(await stack.mustScript('health', ['--json'])) as {
      backups: { last: string };
    };
    assert.equal(backups.last, manifest.name);
  });

  it('is proven by a restore into a throwaway server that leaves nothing behind', async () => {
    // What was built last is no API at all: the drill stands on what is deployed.
    const latest = `${stack.name('backend')}:latest`;
    await mustRun(['docker', 'tag', `${stack.name('postgres')}:latest`, latest], 'see above');
    const said = await stack.mustScript('backup', ['--verify', 'latest']);
    await mustRun(['docker', 'tag', (await stack.container('backend')).imageId, latest], 'see above');
    assert.match(said, /is proven: \d+ rows of 9 tables, the API is healthy on it; a restore takes /);
    assert.equal(newest(stack).drill?.ok, true);
    const left = await run(['docker', 'ps', '-aq', '--filter', `name=${stack.settings.prefix}-drill`]);
    const volumes = await run([
      'docker',
      'volume',
      'ls',
      '-q',
      '--filter',
      `name=${stack.settings.prefix}-drill`,
    ]);
    assert.equal(left.stdout + volumes.stdout, '');
    assert.equal(await status('verify'), 't|1 proven');
    assert.match(
      await stack.mustScript('backup', ['--list']),
      /\.dump +\S+ \S+ +\S+ \S+ +█+ +\d+ +00\d_\S+ +\S+ \S+ ago, in /,
    );
    assert.match(await stack.mustScript('health'), /Backups +last good one .* ago, last good drill .* ago/);
  });

  it('is made once when two ask at once', async () => {
    const results = await Promise.all([stack.script('backup'), stack.script('backup')]);
    assert.deepEqual(results.map(({ exitCode }) => exitCode).sort(), [0, 1]);
    assert.match(results.map(({ stderr }) => stderr).join(''), /make prod-backup \(pid \d+/);
    assertNoBrokenFile(backupFolder(stack));
  });

  it('is refused without room, and leaves nothing of itself when the disk fills up on the way', async () => {
    const full = join(stack.tmp, 'full disk');
    mkdirSync(full);
    await mustRun(['mount', '-t', 'tmpfs', '-o', 'size=22m,mode=0700', 'tmpfs', full], 'see above');
    try {
      await stack.ownerSql(`CREATE TABLE noise AS SELECT string_agg(sha512(n::text::bytea)::text, '') AS word
        FROM generate_series(1, 300000) AS n GROUP BY n % 5000`);
      const refused = await stack.script('backup', [], { BACKUP_DIR: full });
      assert.equal(refused.exitCode, 1);
      assert.match(refused.stderr, /has .* free; the backup may need /);
      // A last backup that was compressed a thousand times lets the next one begin.
      const tiny: Manifest = { ...newest(stack), bytes: 10_000 };
      putManifest(stack, full, tiny);
      const filled = await stack.script('backup', [], { BACKUP_DIR: full });
      assert.equal(filled.exitCode, 1);
      assert.match(filled.stderr, /The disk is full: .* what was written of it is removed/);
      assert.deepEqual(readdirSync(full).sort(), ['.backup-disk', `${tiny.name}.json`]);
      assert.match(await status('backup'), /^f\|The disk is full/);
    } finally {
      await run(['umount', full]);
      await stack.sql('DROP TABLE IF EXISTS noise');
    }
    const unmounted = await stack.script('backup', [], { BACKUP_DIR: full });
    assert.equal(unmounted.exitCode, 3);
    assert.match(unmounted.stderr, /is not on the disk that backups went to before: it is not mounted/);
    assert.deepEqual(readdirSync(full), [], 'nothing went to the host’s own disk');
    const health = await stack.script('health', [], { BACKUP_DIR: full });
    assert.equal(health.exitCode, 1);
    assert.match(health.stderr, /it is not mounted, or is another one/);
  });

  it('encrypted to a public key, is read by who has the private one', async () => {
    const identity = await generateIdentity();
    const keyFile = join(stack.tmp, 'key.txt');
    writeFileSync(keyFile, `# a key\n${identity}\n`);
    const folder = join(stack.tmp, 'encrypted');
    const env = { BACKUP_DIR: folder, BACKUP_AGE_RECIPIENT: await identityToRecipient(identity) };
    const made = await stack.script('backup', [], env);
    assert.equal(made.exitCode, 0, made.stderr);
    const [manifest] = readManifests(folder);
    assert.match(manifest?.file ?? '', /\.dump\.age$/);
    const content = readFileSync(join(folder, manifest?.file ?? ''));
    assert.match(content.toString('latin1', 0, 30), /^age-encryption\.org\/v1/);
    const without = await stack.script('backup', ['--verify', 'latest'], env);
    assert.equal(without.exitCode, 3);
    assert.match(without.stderr, /is encrypted\n.*BACKUP_AGE_IDENTITY_FILE/);
    writeFileSync(join(stack.tmp, 'other.txt'), await generateIdentity());
    const wrong = await stack.script('backup', ['--verify', 'latest'], {
      ...env,
      BACKUP_AGE_IDENTITY_FILE: join(stack.tmp, 'other.txt'),
    });
    assert.match(wrong.stderr, /cannot be decrypted with the key in/);
    const proven = await stack.script('backup', ['--verify', 'latest'], {
      ...env,
      BACKUP_AGE_IDENTITY_FILE: keyFile,
    });
    assert.match(proven.stdout, /is proven/, proven.stderr);
  });

  it('is pruned by its manifests alone, after a look', async () => {
    const folder = join(stack.tmp, 'old ones');
    mkdirSync(folder);
    const manifest = newest(stack);
    for (const day of ['01', '02', '03', '04']) {
      const name = `${stack.settings.prefix}-202001${day}T020000Z`;
      const old = {
        ...manifest,
        name,
        file: `${name}.dump`,
        createdAt: `2020-01-${day}T02:00:00Z`,
        drill: undefined,
      };
      putManifest(stack, folder, old);
      writeFileSync(join(folder, `${name}.dump`), 'x');
    }
    writeFileSync(join(folder, 'notes.txt'), 'mine');
    writeFileSync(join(folder, `${stack.settings.prefix}-20200101T010000Z.dump`), 'nobody names it');
    const env = {
      BACKUP_DIR: folder,
      BACKUP_KEEP_DAILY: '2',
      BACKUP_KEEP_WEEKLY: '0',
      BACKUP_KEEP_MONTHLY: '0',
    };
    const before = readdirSync(folder);
    const look = await stack.script('backup', ['--prune', '--dry-run'], env);
    assert.match(look.stdout, /0102T020000Z\.dump +goes[\s\S]*2 of 4 backups would be removed/);
    assert.deepEqual(readdirSync(folder), before);
    await stack.script('backup', ['--prune'], env);
    assert.deepEqual(
      readdirSync(folder).sort(),
      before.filter((name) => !/2020010[12]T02/.test(name)).sort(),
    );
  });

  it('tells webhook and ping of success and failure, and succeeds without them', async () => {
    const heard: string[] = [];
    const server = createServer((request, response) => {
      request.on('data', (chunk) => heard.push(`${request.url} ${chunk}`));
      request.on('end', () => response.writeHead(heard.length > 4 ? 500 : 200).end());
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const env = { BACKUP_WEBHOOK_URL: `${base}/hook-of-secrets`, BACKUP_PING_URL: `${base}/ping-of-secrets` };
    const good = await stack.script('backup', [], env);
    const bad = await stack.script('backup', [], { ...env, BACKUP_DIR: '/dev/null/nowhere' });
    assert.deepEqual([good.exitCode, bad.exitCode], [0, 3]);
    const gone = { ...env, BACKUP_PING_URL: 'http://127.0.0.1:65534/ping-of-secrets' };
    const unheard = await stack.script('backup', [], gone);
    server.close();
    assert.equal(unheard.exitCode, 0);
    assert.match(unheard.stderr, /BACKUP_PING_URL cannot be reached \(ECONNREFUSED\)/);
    for (const { stdout, stderr } of [good, bad, unheard]) assert.doesNotMatch(stdout + stderr, /of-secrets/);
    const all = heard.join('\n');
    assert.match(all, /\/hook-of-secrets \{"stack":"\S+","kind":"backup","ok":true,"message":"\S+\.dump/);
    assert.match(all, /\/ping-of-secrets \S+\.dump/);
    assert.match(all, /\/ping-of-secrets\/fail The folder/);
    assert.match(all, /"ok":false/);
  });

  it('runs by the clock when due, and the schedule goes without a trace', async () => {
    const bin = join(stack.tmp, 'bin');
    mkdirSync(bin);
    writeFileSync(join(bin, 'cron'), '#!/bin/sh\n', { mode: 0o755 });
    const folder = join(stack.tmp, 'scheduled');
    const env = { BACKUP_DIR: folder, PATH: `${bin}:${process.env.PATH}` };
    const made = await stack.script('backup-schedule', [], env);
    assert.equal(made.exitCode, 0, made.stderr);
    const path = /: (\S+)/.exec(made.stdout)?.[1] ?? '';
    try {
      const file = readFileSync(path, 'utf8');
      const line = /^\d+ \* \* \* \* \S+ (.*)$/m.exec(file)?.[1]?.replaceAll('\\%', '%') ?? '';
      // What cron gives a job: hardly any environment.
      const clock = ['env', '-i', `PATH=${/^PATH=(.*)$/m.exec(file)?.[1]}`, 'HOME=/root', 'sh', '-c', line];
      await mustRun(clock, 'see above');
      assert.equal(readManifests(folder).length, 1);
      assert.equal(readManifests(folder, backupKey(stack))[0]?.drill?.ok, true);
      await mustRun(clock, 'see above');
      assert.equal(readManifests(folder).length, 1, 'nothing was due the second time');
    } finally {
      await stack.script('backup-schedule', ['--remove'], env);
      await run(['rm', '-f', `/var/log/${stack.settings.prefix}-backup.log`]);
    }
    assert.ok(!existsSync(path));
    assert.match((await stack.script('backup-schedule', ['--remove'], env)).stdout, /Nothing was scheduled/);
  });

  it('counts for nothing without its dump, and turns health red when it is stale', async () => {
    const folder = join(stack.tmp, 'stale');
    mkdirSync(folder);
    const createdAt = new Date(Date.now() - 27 * 3_600_000).toISOString();
    const stale = { ...newest(stack), createdAt };
    putManifest(stack, folder, stale);
    const env = { BACKUP_DIR: folder };
    const list = await stack.script('backup', ['--list'], env);
    assert.match(list.stdout, /THE DUMP IS MISSING/);
    assert.match((await stack.script('backup', ['--verify', 'latest'], env)).stderr, /There is no backup in/);
    assert.match((await stack.script('health', [], env)).stderr, /there is no backup yet/);
    copyFileSync(join(backupFolder(stack), stale.file), join(folder, stale.file));
    const health = await stack.script('health', [], env);
    assert.equal(health.exitCode, 1);
    assert.match(health.stderr, /the last good backup is stale: make prod-backup/);
  });

  it('of an empty database is a backup too', async () => {
    await stack.sql('DROP SCHEMA public CASCADE; CREATE SCHEMA public AUTHORIZATION kidney_user');
    await stack.mustScript('backup');
    assert.deepEqual(newest(stack).tables, {});
    assert.match(await stack.mustScript('backup', ['--verify', 'latest']), /is proven: 0 rows of 0 tables/);
  });

  it('of a database that ICU sorts is restored as one', async () => {
    const psql = ['psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-U', 'postgres', '-d', 'postgres'];
    const statements = [
      'DROP DATABASE kidney_genetics WITH (FORCE)',
      `CREATE DATABASE kidney_genetics OWNER kidney_user TEMPLATE template0
        LOCALE_PROVIDER icu ICU_LOCALE 'und-u-kn' ICU_RULES '&a < z'`,
    ];
    const commands = statements.flatMap((statement) => ['-c', statement]);
    await mustRun(['docker', 'exec', stack.name('postgres'), ...psql, ...commands], 'see above');
    await stack.ownerSql(`CREATE TABLE sorted (word text); INSERT INTO sorted VALUES ('c'), ('b'), ('z')`);
    await stack.mustScript('backup');
    await stack.mustScript('backup', ['--verify', 'latest']);
    await stack.mustScript('restore', ['latest', '--yes']);
    assert.equal(await stack.sql(`SELECT string_agg(word, ' ' ORDER BY word) FROM sorted`), 'z b c');
    assert.match(
      await stack.sql(
        'SELECT datname, datlocale, daticurules FROM pg_database WHERE daticurules IS NOT NULL',
      ),
      /^kidney_genetics\|und-u-kn\|&a < z$/m,
    );
  });
});
