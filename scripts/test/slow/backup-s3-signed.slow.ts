import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { S3 } from '@aws-sdk/client-s3';
import { mustRun, run } from '../../lib/process/shell.ts';
import { makeDebianImage } from '../debian-image.ts';
import { backupStack, newest } from '../e2e/backup-support.ts';
import { FaultyNetwork } from '../e2e/faulty-network.ts';
import { freePort, TEST_PREFIX, type TestStack, until } from '../e2e/harness.ts';

/**
 * What the small S3 server of `make test` cannot show: signatures that are checked, uploads that are aborted, objects that are
 * locked. This one is moto, from Debian 13's packages, which takes a minute to be made:
 * node --import tsx --test scripts/test/slow/backup-s3-signed.slow.ts
 */
const IMAGE = `${TEST_PREFIX}-moto`;
const HINT = 'see the output above';
/** moto checks signatures of what the URL says in plain; clients sign it quoted. */
const SERVE = `
from urllib.parse import parse_qsl, quote, urlencode
from moto.iam.access_control import IAMRequestBase
from moto.server import main

create = IAMRequestBase._create_aws_request
def create_quoted(self):
    path, mark, query = self._path.partition("?")
    self._path = path + mark + urlencode(parse_qsl(query, True), quote_via=quote, safe="-_.~")
    return create(self)
IAMRequestBase._create_aws_request = create_quoted
main(["--host", "0.0.0.0", "--port", "5000"])
`;

describe('backups in a bucket that checks signatures', { timeout: 900_000 }, () => {
  let stack: TestStack;
  let network: FaultyNetwork;
  let server: string;
  let client: S3;

  before(async () => {
    stack = await backupStack('signed', 400_000);
    server = `${stack.settings.prefix}-moto`;
    await makeDebianImage(IMAGE, ['python3-moto', 'python3-flask-cors'], stack.tmp);
    const port = await freePort();
    const argv = ['docker', 'run', '--detach', '--name', server, '--publish', `127.0.0.1:${port}:5000`];
    // The key itself has to be made without one.
    const open = ['--env', 'INITIAL_NO_AUTH_ACTION_COUNT=100'];
    await mustRun([...argv, ...open, IMAGE, 'python3', '-c', SERVE], HINT);
    const { id, secret } = await makeKey(server, `http://127.0.0.1:${port}`);
    network = new FaultyNetwork(port);
    const endpoint = await network.listen();
    const credentials = { accessKeyId: id, secretAccessKey: secret };
    client = new S3({ region: 'us-east-1', endpoint, forcePathStyle: true, credentials });
    await client.createBucket({ Bucket: 'plain' });
    await client.createBucket({ Bucket: 'locked', ObjectLockEnabledForBucket: true });
    Object.assign(stack.env, {
      BACKUP_REMOTE: 's3://plain/kidneys',
      BACKUP_S3_ENDPOINT: endpoint,
      BACKUP_S3_REGION: 'us-east-1',
      BACKUP_S3_ACCESS_KEY_ID: id,
      BACKUP_S3_SECRET_ACCESS_KEY: secret,
    });
  });
  after(async () => {
    network?.close();
    client?.destroy();
    if (server) await run(['docker', 'rm', '--force', '--volumes', server]);
    await stack?.dispose();
    await run(['docker', 'rmi', IMAGE]);
  });

  it('a wrong secret is refused by the server, for reading and for writing', async () => {
    const env = { BACKUP_S3_SECRET_ACCESS_KEY: 'wrong' };
    for (const args of [[], ['--list', '--remote']]) {
      const { exitCode, stderr } = await stack.script('backup', args, env);
      assert.equal(exitCode, 1);
      assert.match(stderr, /403 SignatureDoesNotMatch.*\n.*check BACKUP_S3_ACCESS_KEY_ID/);
    }
    assert.equal((await client.listObjectsV2({ Bucket: 'plain' })).KeyCount, 0);
  });

  it('a cut connection leaves no parts, which would be paid for', async () => {
    network.fault = 'cut';
    const { exitCode } = await stack.script('backup');
    network.fault = 'none';
    assert.equal(exitCode, 1);
    assert.deepEqual((await client.listMultipartUploads({ Bucket: 'plain' })).Uploads ?? [], []);
    assert.equal((await client.listObjectsV2({ Bucket: 'plain' })).KeyCount, 0);
  });

  it('a backup is copied in parts, and proven and restored from there', async () => {
    assert.match(await stack.mustScript('backup'), /copied and read back/);
    const { file } = newest(stack);
    const stored = await client.headObject({ Bucket: 'plain', Key: `kidneys/${file}` });
    assert.match(stored.ETag ?? '', /-2"$/, 'two parts');
    assert.match(await stack.mustScript('backup', ['--verify', 'latest', '--remote']), /is proven/);
    await stack.sql('TRUNCATE measured');
    await stack.mustScript('restore', [`s3://plain/kidneys/${file}`, '--yes']);
    assert.equal(await stack.sql('SELECT count(*) FROM measured'), '400000');
  });

  it('what is locked where the bucket can, nobody deletes', async () => {
    stack.env.BACKUP_REMOTE = 's3://locked/kidneys';
    await stack.mustScript('backup');
    // moto leaves the lock out of an upload in parts, so the manifest stands for both.
    const manifest = { Bucket: 'locked', Key: `kidneys/${newest(stack).name}.json` };
    const { ObjectLockMode, ObjectLockRetainUntilDate, VersionId = '' } = await client.headObject(manifest);
    assert.equal(ObjectLockMode, 'GOVERNANCE');
    assert.ok(Number(ObjectLockRetainUntilDate) > Date.now() + 86_400_000);
    await assert.rejects(client.deleteObject({ ...manifest, VersionId }), /Access ?Denied/i);
  });
});

/** A user who may do everything with buckets; from then on the server checks who asks. */
async function makeKey(server: string, base: string): Promise<{ id: string; secret: string }> {
  // Asking it would not do: a connection that the engine cuts, as nobody listens behind it yet, can leave fetch waiting.
  await until('moto answers', 60_000, async () =>
    (await run(['docker', 'logs', server])).stderr.includes('Running on'),
  );
  const authorization = 'AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/iam/aws4_request';
  const ask = async (query: Record<string, string>) => {
    const body = new URLSearchParams({ Version: '2010-05-08', UserName: 'backup', ...query });
    return (await fetch(base, { method: 'POST', headers: { authorization }, body })).text();
  };
  await ask({ Action: 'CreateUser' });
  const key = await ask({ Action: 'CreateAccessKey' });
  const all = { Effect: 'Allow', Action: 's3:*', Resource: '*' };
  const policy = JSON.stringify({ Version: '2012-10-17', Statement: [all] });
  await ask({ Action: 'PutUserPolicy', PolicyName: 'all', PolicyDocument: policy });
  await (await fetch(`${base}/moto-api/reset-auth`, { method: 'POST', body: '0' })).text();
  const pick = (name: string) => new RegExp(`<${name}>(.*?)<`).exec(key)?.[1] ?? '';
  return { id: pick('AccessKeyId'), secret: pick('SecretAccessKey') };
}
