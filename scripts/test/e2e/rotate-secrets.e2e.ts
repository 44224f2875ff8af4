// Alone: it counts every request that failed, and on a busy machine the API puts some off by itself.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { mustRun, run } from '../../lib/process/shell.ts';
import { secretsDir } from '../../lib/secrets/secrets.ts';
import { listStack } from '../../lib/stack/containers.ts';
import { readEnvText } from '../../lib/stack/env-text-rules.ts';
import { describeView, viewOf } from '../faults/outage.ts';
import { InsideUsers } from '../faults/users.ts';
import { editGene } from './edits.ts';
import { startScript, TestStack } from './harness.ts';

/** Signs in as the API does, with the secret file as it is at that moment and blanks left out, again and again. */
const SIGN_IN = `
  while :; do
    url=$(tr -d ' ' < /run/secrets/database_url)
    if said=$(psql -XqAt "$url" -c 'SELECT 1' 2>&1); then echo ok; else echo "failed: $said"; fi
    sleep 0.05
  done`;

describe('make prod-rotate-secrets', { timeout: 600_000 }, () => {
  let stack: TestStack;
  let users: InsideUsers;
  let begin: number;
  /** Until then users' tokens are of this key or the one before. */
  let secondRotation = Number.POSITIVE_INFINITY;
  let first: Record<string, string>;

  const readEnv = () => readEnvText(readFileSync(stack.settings.envFile, 'utf8')).values;
  const readSignIns = async () =>
    (await run(['docker', 'logs', `${stack.settings.prefix}-signing-in`])).stdout.split('\n').filter(Boolean);
  const startsOf = async () =>
    (await listStack(stack.settings)).map(({ id, startedAt }) => `${id} ${startedAt}`);
  /** How many requests the API has turned away under load, by its own count. */
  const readShed = async () => {
    const ask = `console.log(await (await fetch('http://${stack.name('backend')}:9464/metrics')).text())`;
    const { stdout } = await stack.nodeOn(`${stack.settings.prefix}-internal`, ask);
    const [, count] = /^http_requests_shed_total (\d+)$/m.exec(stdout) ?? [];
    assert.ok(count, stdout);
    return Number(count);
  };
  /** 404 where the key is good, as there is no such gene. */
  const editWith = (key: string) => editGene(stack, key, 'NONE', 'x');

  before(async () => {
    stack = await TestStack.create('rotate');
    await stack.mustScript('npm-network', ['create']);
    await stack.mustScript('up');
    users = new InsideUsers(stack);
    await users.start();
    const secret = `${join(secretsDir(stack.settings.prefix), 'database_url')}:/run/secrets/database_url:ro`;
    await mustRun(
      [
        ...['docker', 'run', '--detach', '--init', '--name', `${stack.settings.prefix}-signing-in`],
        ...['--network', `${stack.settings.prefix}-internal`, '--volume', secret, '--entrypoint', 'bash'],
        ...[`${stack.settings.prefix}-postgres:latest`, '-c', SIGN_IN],
      ],
      'see above',
    );
    first = readEnv();
    begin = Date.now();
  });
  after(() => stack?.dispose());

  it('changes both secrets, restarts nothing, and the old password is worth nothing afterwards', async () => {
    const starts = await startsOf();
    assert.match(await stack.mustScript('rotate-secrets'), /Secrets rotated .* nothing was restarted/);
    const now = readEnv();
    assert.notEqual(now.POSTGRES_PASSWORD, first.POSTGRES_PASSWORD);
    assert.notEqual(now.SECRET_KEY, first.SECRET_KEY);
    assert.deepEqual(await startsOf(), starts);
    assert.match(await stack.mustScript('up'), /Already up and unchanged/);
    const old = first.DATABASE_URL ?? '';
    const network = ['--network', `${stack.settings.prefix}-internal`, '--entrypoint', 'psql'];
    const image = `${stack.settings.prefix}-postgres:latest`;
    const refused = await run(['docker', 'run', '--rm', ...network, image, old, '-c', 'SELECT 1']);
    assert.match(refused.stderr, /password authentication failed/);
    const roles = await stack.sql(`SELECT rolname FROM pg_roles WHERE rolcanlogin ORDER BY 1`);
    assert.equal(roles, 'kidney_user\npostgres', 'nobody else can sign in');
  });

  it('a token is printed once, permits what it says, and is taken back by its id', async () => {
    const made = await stack.script('api-token', ['--name', 'Ada Lovelace', '--days', '1']);
    assert.match(made.stdout, /^[\w-]+\.[\w-]+\.[\w-]+\n$/);
    const [, id = ''] = /REVOKE=([0-9a-f-]{36})/.exec(made.stderr) ?? [];
    const [, body = ''] = made.stdout.split('.');
    const claims = JSON.parse(Buffer.from(body, 'base64url').toString()) as Record<string, unknown>;
    assert.deepEqual([claims.sub, claims.jti, claims.scope], ['Ada Lovelace', id, 'genes:write']);
    assert.equal(Number(claims.exp) - Number(claims.iat), 86_400);
    const list = await stack.mustScript('api-token', ['--list']);
    assert.match(list, new RegExp(`${id} +Ada Lovelace +genes:write`));
    assert.ok(!list.includes(made.stdout.trim()));
    const long = await stack.script('api-token', ['--name', 'Ada', '--days', '91']);
    assert.equal(long.exitCode, 2);
    assert.match(long.stderr, /good for 1 to 90 days/);
    assert.equal(await editGene(stack, made.stdout.trim(), 'NONE', 'x', true), '404');
    const revoked = await stack.script('api-token', ['--revoke', id.slice(0, 8)]);
    assert.equal(revoked.exitCode, 0, revoked.stderr);
    assert.equal(await editGene(stack, made.stdout.trim(), 'NONE', 'x', true), '401');
  });

  it('lets tokens of both keys edit, until the old one is forgotten', async () => {
    const now = readEnv();
    assert.equal(await editWith(now.SECRET_KEY ?? ''), '404');
    assert.equal(await editWith(first.SECRET_KEY ?? ''), '404');
    assert.equal(await editWith('k'.repeat(40)), '401');
  });

  for (const ms of [2500, 7000]) {
    it(`killed after ${ms / 1000} s it is completed by the next run, and prod-up does no harm between`, async () => {
      const old = readEnv();
      secondRotation = Math.min(secondRotation, Date.now());
      const { child } = startScript(stack, 'rotate-secrets');
      await sleep(ms);
      child.kill('SIGKILL');
      const up = await stack.script('up');
      assert.equal(up.exitCode, 0, up.stderr);
      await stack.mustScript('rotate-secrets');
      assert.notEqual(readEnv().POSTGRES_PASSWORD, old.POSTGRES_PASSWORD);
      assert.equal(await editWith(readEnv().SECRET_KEY ?? ''), '404');
    });
  }

  it('meanwhile nobody who signs in was refused, and no user saw anything', async () => {
    const signIns = await readSignIns();
    assert.ok(signIns.length > 50, `${signIns.length} times signed in`);
    assert.deepEqual(
      signIns.filter((line) => line !== 'ok'),
      [],
    );
    const asked = await users.asked(begin);
    const page = viewOf(asked, 'page');
    assert.ok(page.asked > 100 && page.failed === 0, describeView(page));
    const log = await run(['docker', 'logs', stack.name('backend')]);
    assert.doesNotMatch(log.stdout, /user or password|28P01/);
    // On a busy machine the API puts some off, and counts them: every other failure is one of the rotation.
    const search = viewOf(asked, 'search');
    const edit = viewOf(
      asked.filter(({ at, ms }) => at + ms < secondRotation),
      'edit',
    );
    const [shed, saw] = [await readShed(), `searches ${describeView(search)}; edits ${describeView(edit)}`];
    assert.deepEqual(
      Object.keys({ ...search.failures, ...edit.failures }).filter((why) => why !== '503'),
      [],
      saw,
    );
    assert.ok(search.asked > 100 && edit.asked > 20, `${search.asked} searches, ${edit.asked} edits`);
    assert.ok(search.failed + edit.failed <= shed, `${shed} put off; ${saw}`);
  });

  it('shows no secret in the server’s log', async () => {
    const { stdout, stderr } = await run(['docker', 'logs', stack.name('postgres')]);
    const { POSTGRES_PASSWORD = '' } = readEnv();
    for (const word of ['SCRAM-SHA-256$', POSTGRES_PASSWORD, first.POSTGRES_PASSWORD ?? '']) {
      assert.ok(!`${stdout}${stderr}`.includes(word), word);
    }
  });

  it('refuses tokens of the key before, once told to forget it', async () => {
    const asked = readEnv().SECRET_KEY ?? '';
    await stack.mustScript('rotate-secrets', ['--forget-previous']);
    assert.equal(await editWith(asked), '404');
    assert.equal(await editWith(first.SECRET_KEY ?? ''), '401');
  });
});
