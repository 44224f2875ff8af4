import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { commandArgv } from '../../lib/process/command.ts';
import { ROOT } from '../../lib/process/root.ts';
import { mustRun, type RunResult, run } from '../../lib/process/shell.ts';
import { TEST_PREFIX } from './harness.ts';

const HINT = 'see the output above';

describe('the schedule of a checkout that belongs to a user', { timeout: 300_000 }, () => {
  const prefix = `${TEST_PREFIX}-owner`;
  const user = prefix.slice(0, 30);
  let place: string;

  const checkout = () => join(place, 'app');
  const cronFile = `/etc/cron.d/${prefix}-backup`;
  const log = `/var/log/${prefix}-backup.log`;
  /** Runs a script of the checkout, as root unless said. */
  const script = (
    name: string,
    args: readonly string[],
    env: Record<string, string> = {},
    as?: string,
  ): Promise<RunResult> => {
    const [, ...rest] = commandArgv(name, args);
    const under = as ? ['runuser', '-u', as, '--'] : [];
    const path = `${join(place, 'bin')}:${process.env.PATH}`;
    return run([...under, process.execPath, ...rest], {
      cwd: checkout(),
      env: { STACK_PREFIX: prefix, PATH: path, ...env },
    });
  };

  before(async () => {
    place = mkdtempSync(join(tmpdir(), `${prefix}-`));
    chmodSync(place, 0o755);
    mkdirSync(join(place, 'bin'));
    writeFileSync(join(place, 'bin/cron'), '#!/bin/sh\n', { mode: 0o755 });
    await run(['userdel', user]);
    await mustRun(['useradd', '--no-create-home', '--home-dir', place, user], HINT);
    await mustRun(['git', 'clone', '--quiet', '--no-hardlinks', ROOT, checkout()], HINT);
    symlinkSync(join(ROOT, 'node_modules'), join(checkout(), 'node_modules'));
    await mustRun(['chown', '-R', '--no-dereference', user, checkout()], HINT);
    await mustRun(['chmod', '-R', 'go-w', checkout()], HINT);
    const made = await script('prod-env', [], {}, user);
    assert.equal(made.exitCode, 0, made.stderr);
  });
  after(async () => {
    await run(['rm', '-f', cronFile, log]);
    await run(['userdel', user]);
    rmSync(place, { recursive: true, force: true });
  });

  it('asks for root, and is refused for a user who cannot reach the engine', async () => {
    const alone = await script('backup-schedule', [], {}, user);
    assert.equal(alone.exitCode, 3);
    assert.match(alone.stderr, /sudo make prod-backup-schedule/);
    const outside = await script('backup-schedule', []);
    assert.equal(outside.exitCode, 3);
    assert.match(
      outside.stderr,
      new RegExp(`${user}, .*, cannot reach Docker's engine\\n.*usermod -aG docker ${user}`),
    );
    assert.ok(!existsSync(cronFile));
  });

  it('runs as that user in the group of the engine’s socket, who is not locked out of anything', async () => {
    const { gid } = statSync('/var/run/docker.sock');
    await mustRun(['usermod', '--append', '--groups', String(gid), user], HINT);
    const made = await script('backup-schedule', []);
    assert.equal(made.exitCode, 0, made.stderr);
    const [, line = ''] =
      new RegExp(`^\\d+ \\* \\* \\* \\* ${user} (.*)$`, 'm').exec(readFileSync(cronFile, 'utf8')) ?? [];
    const ran = await run(['runuser', '-u', user, '--', 'env', '-i', 'PATH=/usr/bin:/bin', 'sh', '-c', line]);
    assert.equal(ran.exitCode, 1);
    assert.match(readFileSync(log, 'utf8'), /-postgres is not up/);
    const { stdout } = await run(['find', checkout(), '-user', 'root', '!', '-type', 'l']);
    assert.equal(stdout, '', 'nothing there is root’s');
  });

  const refusals: [string, () => Record<string, string>, RegExp][] = [
    [
      'a line of its own in a setting',
      () => ({ BACKUP_DIR: '/tmp/x\n* * * * * root id' }),
      /BACKUP_DIR has a character/,
    ],
    ['a percent sign in a setting', () => ({ BACKUP_DIR: '/tmp/100%' }), /BACKUP_DIR has a character/],
    [
      'a folder that others can change',
      () => {
        chmodSync(join(checkout(), 'scripts/lib'), 0o775);
        return {};
      },
      /scripts\/lib can be changed by others than the owner/,
    ],
  ];
  for (const [name, prepare, said] of refusals) {
    it(`is refused with ${name}`, async () => {
      rmSync(cronFile, { force: true });
      const refused = await script('backup-schedule', [], prepare());
      assert.equal(refused.exitCode, 1);
      assert.match(refused.stderr, said);
      assert.ok(!existsSync(cronFile));
    });
  }

  it('is said to be wrong where it runs as root', async () => {
    writeFileSync(cronFile, `17 * * * * root cd ${checkout()} && true\n`);
    const code = `const { findWrongUser } = require('./scripts/lib/backup/schedule-owner.ts');
      console.log(findWrongUser(['${cronFile}', '/nowhere']).join());`;
    const { stdout, stderr } = await run(
      ['runuser', '-u', user, '--', process.execPath, '--require', 'tsx/cjs', '-e', code],
      { cwd: checkout() },
    );
    assert.match(stdout, /runs as root what another user can change: sudo make prod-backup-schedule/, stderr);
  });
});
