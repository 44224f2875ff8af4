import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { generateIdentity, identityToRecipient } from 'age-encryption';
import { type Manifest, writeManifest } from '../../lib/backup/manifest.ts';
import { run } from '../../lib/process/shell.ts';
import {
  backupFolder,
  backupKey,
  backupStack,
  newest,
  putManifest,
  readManifests,
} from './backup-support.ts';
import type { TestStack } from './harness.ts';

const ROWS = 20_000;

describe('a backup that is not what was made', { timeout: 900_000 }, () => {
  let stack: TestStack;

  before(async () => {
    stack = await backupStack('distrust', ROWS);
    await stack.mustScript('backup');
  });
  after(() => stack?.dispose());

  /** A copy of the newest backup in a folder of its own. */
  const copyNewest = (name: string, change: Partial<Manifest> = {}): string => {
    const folder = join(stack.tmp, name);
    mkdirSync(folder);
    const manifest = newest(stack);
    copyFileSync(join(backupFolder(stack), manifest.file), join(folder, manifest.file));
    putManifest(stack, folder, { ...manifest, ...change });
    return join(folder, manifest.file);
  };

  const damages: [string, () => string, RegExp][] = [
    [
      'a flipped bit',
      () => {
        const path = copyNewest('flipped bit');
        const content = readFileSync(path);
        const middle = Math.floor(content.length / 2);
        content.writeUInt8(content.readUInt8(middle) ^ 4, middle);
        writeFileSync(path, content);
        return path;
      },
      /is damaged: its sha256 is not the manifest's/,
    ],
    [
      'a file that was cut off',
      () => {
        const path = copyNewest('cut off');
        truncateSync(path, Math.floor(statSync(path).size / 2));
        return path;
      },
      /bytes instead of \d+: it was cut off or changed/,
    ],
    [
      'a dump of somebody else',
      () => {
        const path = join(stack.tmp, 'foreign.dump');
        copyFileSync(join(backupFolder(stack), newest(stack).file), path);
        return path;
      },
      /has no manifest beside it/,
    ],
    [
      'a dump of a newer server',
      () => copyNewest('newer', { server: { version: '99.1', versionNum: 990_001, image: 'x' } }),
      /was made by PostgreSQL 99\.1, newer than this server/,
    ],
    [
      'a backup that another checkout signed',
      () => {
        const path = copyNewest('of another');
        const manifest = { ...newest(stack), drill: undefined };
        writeFileSync(
          path.replace(/dump$/, 'json'),
          writeManifest(manifest, 'a key of somebody else, long enough'),
        );
        return path;
      },
      /is not signed with the BACKUP_KEY of this checkout/,
    ],
    ['a missing file', () => join(stack.tmp, 'nowhere.dump'), /nowhere\.dump is missing/],
  ];
  for (const [name, make, said] of damages) {
    it(`${name} fails the drill and is not restored`, async () => {
      const path = make();
      const drill = await stack.script('backup', ['--verify', path]);
      const restore = await stack.script('restore', [path, '--yes']);
      assert.deepEqual([drill.exitCode, restore.exitCode], [1, 1]);
      assert.match(drill.stderr, said);
      assert.match(restore.stderr, said);
      assert.equal(await stack.sql('SELECT count(*) FROM measured'), String(ROWS));
    });
  }

  it('tells rows that are not in the dump from those of the manifest', async () => {
    const { tables } = newest(stack);
    const path = copyNewest('miscounted', { tables: { ...tables, 'public.measured': ROWS + 1 } });
    const drill = await stack.script('backup', ['--verify', path]);
    assert.match(drill.stderr, new RegExp(`public.measured has ${ROWS} rows instead of ${ROWS + 1}`));
    const restore = await stack.script('restore', [path, '--yes']);
    assert.match(restore.stderr, /What was restored is not what was dumped/);
    assert.equal(await stack.sql(`SELECT count(*) FROM pg_database WHERE datname ~ 'kidney_genetics_'`), '0');
  });

  it('that nobody signed is taken at its user’s word alone, and signed once it is proven', async () => {
    const path = copyNewest('adopted');
    const text = readFileSync(path.replace(/dump$/, 'json'), 'utf8').replace(/"mac": "\w+"/, '"mac": null');
    writeFileSync(path.replace(/dump$/, 'json'), text);
    const folder = join(stack.tmp, 'adopted');
    const env = { BACKUP_DIR: folder };
    assert.match((await stack.script('backup', ['--list'], env)).stdout, /NOT SIGNED by this checkout/);
    assert.match(
      (await stack.script('health', [], env)).stderr,
      /1 not signed by this checkout count for nothing/,
    );
    const drill = await stack.script('backup', ['--verify', 'latest', '--trust'], env);
    assert.match(drill.stdout, /is proven/, drill.stderr);
    assert.equal(readManifests(folder, backupKey(stack))[0]?.drill?.ok, true);
    const plain = { ...env, BACKUP_AGE_RECIPIENT: await identityToRecipient(await generateIdentity()) };
    for (const args of [
      ['backup', '--verify', 'latest'],
      ['restore', path, '--yes'],
    ]) {
      const [script = '', ...rest] = args;
      const refused = await stack.script(script, rest, plain);
      assert.equal(refused.exitCode, 1);
      assert.match(refused.stderr, /is not encrypted, as this stack's backups are/);
    }
  });

  it('whose manifest was written by an attacker runs nothing of it', async () => {
    const path = copyNewest('attack');
    const manifest = newest(stack);
    const evil = {
      ...JSON.parse(readFileSync(path.replace(/dump$/, 'json'), 'utf8')),
      format: 1,
      roles: 'CREATE ROLE evil;\nALTER ROLE evil WITH SUPERUSER LOGIN;\n\\! touch /tmp/pwned',
      database: {
        ...manifest.database,
        settings: ['\\! touch /tmp/pwned', 'ALTER ROLE kidney_user SUPERUSER'],
      },
    };
    writeFileSync(path.replace(/dump$/, 'json'), JSON.stringify(evil));
    assert.equal((await stack.script('restore', [path, '--yes'])).exitCode, 1);
    const trusted = await stack.script('restore', [path, '--yes', '--trust']);
    assert.equal(trusted.exitCode, 0, trusted.stderr);
    assert.equal((await run(['docker', 'exec', stack.name('postgres'), 'ls', '/tmp/pwned'])).exitCode, 2);
    const roles = await stack.sql(`SELECT string_agg(rolname || rolsuper || rolcanlogin, ' ' ORDER BY rolname)
      FROM pg_roles WHERE rolname !~ '^pg_'`);
    assert.equal(roles, 'evilfalsefalse kidney_userfalsetrue postgrestruetrue');
    await stack.mustScript('restore', ['--undo', '--yes']);
    await stack.mustScript('restore', ['--drop-replaced', '--yes']);
    await stack.sql('DROP ROLE evil');
  });

  it('of a dump with code of its own is restored by its owner, who gets no further by it', async () => {
    await stack.sql(`CREATE FUNCTION keep_out(n int) RETURNS boolean LANGUAGE plpgsql AS $f$ BEGIN
        IF (SELECT rolsuper FROM pg_roles WHERE rolname = session_user) THEN ALTER ROLE kidney_user SUPERUSER; END IF;
        RETURN true; END $f$;
      CREATE TABLE trap (n int CHECK (keep_out(n)));
      ALTER TABLE trap DISABLE TRIGGER ALL; ALTER FUNCTION keep_out OWNER TO kidney_user;
      ALTER TABLE trap OWNER TO kidney_user; SET SESSION AUTHORIZATION kidney_user; INSERT INTO public.trap VALUES (1)`);
    await stack.mustScript('backup');
    await stack.mustScript('restore', ['latest', '--yes']);
    assert.equal(await stack.sql(`SELECT rolsuper FROM pg_roles WHERE rolname = 'kidney_user'`), 'f');
    assert.equal(await stack.sql('SELECT count(*) FROM trap'), '1');
    await stack.sql('DROP TABLE trap; DROP FUNCTION keep_out');
    await stack.mustScript('restore', ['--drop-replaced', '--yes']);
  });
});
