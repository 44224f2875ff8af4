import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import S3rver from 's3rver';
import { run } from '../../lib/process/shell.ts';
import { backupFolder, backupStack, newest } from './backup-support.ts';
import { type Fault, FaultyNetwork } from './faulty-network.ts';
import type { TestStack } from './harness.ts';

describe('backups off the host', { timeout: 900_000 }, () => {
  let stack: TestStack;
  let bucket: S3rver;
  let network: FaultyNetwork;

  before(async () => {
    stack = await backupStack('s3', 400_000);
    const directory = join(stack.tmp, 'bucket');
    mkdirSync(directory);
    bucket = new S3rver({
      address: '127.0.0.1',
      port: 0,
      silent: true,
      directory,
      configureBuckets: [{ name: 'vault', configs: [] }],
    });
    network = new FaultyNetwork((await bucket.run()).port);
    writeFileSync(join(stack.tmp, 'secret key'), 'S3RVER\n', { mode: 0o600 });
    Object.assign(stack.env, {
      BACKUP_REMOTE: 's3://vault/kidneys',
      BACKUP_S3_ENDPOINT: await network.listen(),
      BACKUP_S3_ACCESS_KEY_ID: 'S3RVER',
      BACKUP_S3_SECRET_ACCESS_KEY_FILE: join(stack.tmp, 'secret key'),
    });
  });
  after(async () => {
    network?.close();
    await bucket?.close();
    await stack?.dispose();
  });

  const inBucket = async () => {
    const { stdout } = await run(['find', join(stack.tmp, 'bucket'), '-name', '*.dump._S3rver_object']);
    return stdout.split('\n').filter(Boolean).length;
  };
  const listed = async () =>
    (
      JSON.parse(await stack.mustScript('backup', ['--list', '--remote', '--json'])) as { name: string }[]
    ).map(({ name }) => name);
  const faults: [Fault, Record<string, string>, RegExp][] = [
    ['cut', {}, /s3:\/\/vault\/kidneys answers/],
    ['full', {}, /403 QuotaExceeded: The bucket is full\n.*make prod-backup-prune REMOTE=1/],
    [
      'none',
      { BACKUP_S3_ACCESS_KEY_ID: 'wrong' },
      /403 InvalidAccessKeyId.*\n.*check BACKUP_S3_ACCESS_KEY_ID/,
    ],
    ['none', { BACKUP_REMOTE: 's3://nowhere' }, /404 NoSuchBucket.*\n.*make the bucket/],
    ['none', { BACKUP_S3_ENDPOINT: 'http://127.0.0.1:9' }, /ECONNREFUSED.*\n.*BACKUP_S3_ENDPOINT/],
  ];
  for (const [fault, env, said] of faults) {
    it(`fails, but keeps the backup of the host: ${fault} ${Object.values(env)}`, async () => {
      network.fault = fault;
      const { exitCode, stdout, stderr } = await stack.script('backup', [], env);
      network.fault = 'none';
      assert.equal(exitCode, 1);
      assert.match(stderr, said);
      assert.match(stdout, /\.dump: .* rows of 9 tables/);
      assert.doesNotMatch(stdout + stderr, /S3RVER/);
      assert.equal(await inBucket(), 0);
      assert.deepEqual(await listed(), []);
    });
  }

  it('makes up by the clock for the copy that failed: in parts, read back, and listed', async () => {
    const before = newest(stack).name;
    const said = await stack.mustScript('backup', ['--scheduled']);
    assert.match(said, /s3:\/\/vault\/kidneys\/\S+\.dump: copied and read back/);
    assert.equal(newest(stack).name, before, 'no further backup was due');
    assert.deepEqual(await listed(), [before]);
    assert.equal(await stack.mustScript('backup', ['--scheduled']), '');
  });

  it('drills and restores straight from there, without the host’s own', async () => {
    await run(['rm', '-rf', backupFolder(stack)]);
    const [name = ''] = await listed();
    const drill = await stack.mustScript('backup', ['--verify', 'latest', '--remote']);
    assert.match(drill, /is proven: \d+ rows of 9 tables/);
    await stack.sql('TRUNCATE measured');
    await stack.mustScript('restore', [`s3://vault/kidneys/${name}.dump`, '--yes']);
    assert.equal(await stack.sql('SELECT count(*) FROM measured'), '400000');
    assert.match(await stack.mustScript('backup', ['--list', '--remote']), /ago, in /);
  });

  it('locks new objects where the bucket can', async () => {
    network.fault = 'lock';
    await stack.mustScript('backup');
    network.fault = 'none';
    assert.ok(
      network.locked.some((line) => line.startsWith('POST GOVERNANCE 20')),
      'the dump',
    );
    assert.ok(
      network.locked.some((line) => line.startsWith('PUT GOVERNANCE 20')),
      'the manifest',
    );
  });

  it('lists, prunes and finds the latest beside one that lies in an archive, and one that is no manifest', async () => {
    const [young = '', old = ''] = await listed();
    assert.ok(old);
    network.archived = `${old}.json`;
    const list = await stack.script('backup', ['--list', '--remote']);
    const dry = await stack.script('backup', ['--prune', '--dry-run', '--remote']);
    network.archived = `${young}.json`;
    const latest = await stack.script('restore', ['s3://vault/kidneys/latest']);
    network.archived = undefined;
    for (const { exitCode, stdout, stderr } of [list, dry]) {
      assert.equal(exitCode, 0, stderr);
      assert.match(stderr, new RegExp(`${old}.json cannot be read and is passed over: .*InvalidObjectState`));
      assert.ok(stdout.includes(`${young}.dump`) && !stdout.includes(`${old}.dump`));
    }
    assert.match(latest.stdout, new RegExp(`^${old}.dump: `), latest.stderr);
    assert.match(latest.stderr, /Nobody is there to ask/);
  });

  it('prunes by the same rules', async () => {
    assert.equal((await listed()).length, 2);
    const env = { BACKUP_KEEP_DAILY: '1', BACKUP_KEEP_WEEKLY: '0', BACKUP_KEEP_MONTHLY: '0' };
    const { stdout } = await stack.script('backup', ['--prune', '--remote'], env);
    // The older one is the newest that a drill proved.
    assert.match(stdout, /0 of 2 backups were removed/);
    await stack.mustScript('backup', ['--verify', 'latest', '--remote']);
    assert.match(
      (await stack.script('backup', ['--prune', '--remote'], env)).stdout,
      /1 of 2 backups were removed/,
    );
    assert.equal((await listed()).length, 1);
    assert.equal(await inBucket(), 1);
  });
});
