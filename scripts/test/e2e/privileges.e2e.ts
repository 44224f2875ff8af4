import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { run } from '../../lib/process/shell.ts';
import { TestStack } from './harness.ts';
import { changeImage } from './update-users.ts';

const HOSTILE = readFileSync(new URL('hostile-owner.sql', import.meta.url), 'utf8');

/** What the application's role is, as the superuser sees it: it owns its database and is nothing beyond. */
const STANDING = `select rolname || ' ' || concat(rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls)
  || ' ' || (select count(*) from pg_catalog.pg_auth_members where member = pg_roles.oid)
  from pg_catalog.pg_roles where rolname !~ '^pg_' order by rolname`;

describe('The owner of the database, when it is hostile', { timeout: 600_000 }, () => {
  let stack: TestStack;
  let seen = 0;
  const genes = () => join(stack.tmp, 'genes.csv');

  before(async () => {
    stack = await TestStack.create('owner');
    await stack.mustScript('npm-network', ['create']);
    await stack.mustScript('up');
  });
  after(() => stack?.dispose());

  /** From the server's own database, where the owner can write nothing. */
  const asAdmin = async (sql: string) => {
    const psql = ['psql', '-XqAt', '-U', 'postgres', '-d', 'postgres', '-c', sql];
    return (await run(['docker', 'exec', stack.name('postgres'), ...psql])).stdout.trim();
  };

  /** Nobody but the owner has run its code, and it has gained nothing by it. */
  async function assertNothingGained(what: string): Promise<void> {
    assert.equal(await asAdmin(STANDING), 'kidney_user fffff 0\npostgres ttttt 0', what);
    const { stdout, stderr } = await run(['docker', 'logs', stack.name('postgres')]);
    const log = `${stdout}${stderr}`;
    assert.doesNotMatch(log, /evil runs as (?!kidney_user(_rotating)?\/kidney_user)/, what);
    assert.doesNotMatch(log, /evil succeeded/, what);
    const made = await run(['docker', 'exec', stack.name('postgres'), 'ls', '/tmp/evil']);
    assert.notEqual(made.exitCode, 0, `${what}: a program was run`);
    seen = log.match(/evil runs as kidney_user/g)?.length ?? 0;
  }

  /** Runs a command, which may fail with a sentence, but neither hangs nor crashes. */
  async function tryScript(name: string, ...args: string[]): Promise<string> {
    const { exitCode, stdout, stderr } = await stack.script(name, args);
    const said = `${name} ${args.join(' ')} (exit ${exitCode}):\n${stdout}${stderr}`;
    assert.ok(exitCode === 0 || exitCode === 1, said);
    assert.doesNotMatch(said, /^\s+at .*:\d+:\d+\)?$/m, 'a sentence, no stack of calls');
    await assertNothingGained(said);
    return said;
  }

  it('gains nothing by a trigger of the import that takes another role', async () => {
    await stack.mustScript('data-export', [genes()]);
    await stack.ownerSql(`create or replace function public.lock_data_state() returns trigger language plpgsql as $$
      begin
        raise log 'evil runs as %/%', session_user, current_user;
        set local role postgres;
        alter role kidney_user superuser;
        return null;
      end $$`);
    assert.match(
      await tryScript('data-import', genes()),
      /exit 1[\s\S]*Nothing was changed: the import failed: .*permission denied to set role/,
    );
  });

  it('gains nothing by a constraint that a restore checks', async () => {
    await stack.ownerSql(`create or replace function public.lock_data_state() returns trigger language plpgsql as
      $$ begin return null; end $$;
      create function public.check_it(integer) returns boolean language plpgsql as $$
      begin
        raise log 'evil runs as %/%', session_user, current_user;
        begin execute 'alter role kidney_user superuser'; exception when insufficient_privilege then null; end;
        return true;
      end $$;
      create table public.checked (id integer check (public.check_it(id)));
      insert into public.checked values (1)`);
    const before = seen;
    await stack.mustScript('backup');
    assert.match(await tryScript('backup', '--verify', 'latest'), /exit 0/);
    assert.match(await tryScript('restore', 'latest', '--yes'), /exit 0/);
    assert.ok(seen > before, 'the constraint was checked, by the owner');
    assert.match(await tryScript('restore', '--undo', '--yes'), /exit 0/);
  });

  it('gains nothing by all that it can make, replace and shadow, in whatever looks', async () => {
    await stack.ownerSql(HOSTILE);
    const said = await Promise.all([
      tryScript('health'),
      tryScript('watch', '--once'),
      tryScript('verify', '--only', 'database,drift,secrets'),
      tryScript('data-export', join(stack.tmp, 'again.csv')),
      tryScript('db-upgrade'),
    ]);
    assert.match(said[2] ?? '', /Drift +.*broken/, 'what was made is told');
  });

  it('gains nothing in whatever writes, dumps, restores or changes', async () => {
    const before = seen;
    await tryScript('data-import', genes());
    assert.match(await tryScript('backup'), /exit 1[\s\S]*cannot be described: roles\[0\]\.settings/);
    // What is left can be written down; whether it can be proven and restored is the next commands' to say.
    await stack.ownerSql('alter role kidney_user reset application_name');
    assert.match(await tryScript('backup'), /exit 0/);
    await tryScript('backup', '--verify', 'latest');
    await tryScript('restore', 'latest', '--yes');
    await tryScript('restore', '--undo', '--yes');
    await tryScript('restore', '--drop-replaced', '--yes');
    await tryScript('rotate-secrets');
    await changeImage(stack, 'backend', 'next');
    await tryScript('update', '--no-build', '--no-backup');
    assert.ok(seen > before, 'its code was run, as itself');
  });

  it('does not keep a command waiting for ever', async () => {
    await stack.ownerSql(`create or replace function public.keep_last_ok() returns trigger language plpgsql as $$
      begin
        loop
          begin perform pg_catalog.pg_sleep(3600); exception when query_canceled then null; end;
        end loop;
      end $$`);
    const started = Date.now();
    assert.match(await tryScript('backup'), /could not be noted in the database/);
    assert.ok(Date.now() - started < 60_000, 'the outcome was given up');
  });
});
