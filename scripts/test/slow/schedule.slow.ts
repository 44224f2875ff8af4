import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { commandArgv } from '../../lib/process/command.ts';
import { ROOT } from '../../lib/process/root.ts';
import { mustRun, run } from '../../lib/process/shell.ts';
import { makeDebianImage } from '../debian-image.ts';
import { backupFolder, backupStack, newest, readManifests } from '../e2e/backup-support.ts';
import { TEST_PREFIX, type TestStack, until } from '../e2e/harness.ts';

/**
 * The schedule on a real systemd, which is process 1 of a container and works on this host's engine. Not part of
 * `make test`, for the minute that the container takes to be made from Debian 13's packages:
 * node --import tsx --test scripts/test/slow/schedule.slow.ts
 */
const IMAGE = `${TEST_PREFIX}-systemd`;
const HINT = 'see the output above';
const SOCKET = '/docker.sock';

describe('make prod-backup-schedule on systemd', { timeout: 900_000 }, () => {
  let stack: TestStack;
  let host: string;
  let units: { service: string; timer: string };

  before(async () => {
    stack = await backupStack('schedule', 10_000);
    host = `${stack.settings.prefix}-host`;
    units = {
      service: `${stack.settings.prefix}-backup.service`,
      timer: `${stack.settings.prefix}-backup.timer`,
    };
    await makeDebianImage(
      IMAGE,
      ['systemd', 'systemd-sysv', 'dbus', 'docker-cli', 'docker-compose'],
      stack.tmp,
    );
    const mounts = [ROOT, stack.tmp, process.execPath].flatMap((path) => ['--volume', `${path}:${path}`]);
    const argv = ['docker', 'run', '--detach', '--name', host, '--privileged', '--cgroupns=private'];
    const writable = ['/run', '/run/lock', '/tmp'].flatMap((path) => ['--tmpfs', path]);
    // The last word lets systemd 257 start on a kernel with the first version of control groups.
    const init = ['/lib/systemd/systemd', 'SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1'];
    await mustRun(
      [...argv, ...writable, ...mounts, '--volume', `/var/run/docker.sock:${SOCKET}`, IMAGE, ...init],
      HINT,
    );
    await booted();
  });
  after(async () => {
    if (host) await run(['docker', 'rm', '--force', '--volumes', host]);
    await stack?.dispose();
    await run(['docker', 'rmi', IMAGE]);
  });

  const onHost = (argv: readonly string[]) => run(['docker', 'exec', host, ...argv]);
  const mustOnHost = async (...argv: string[]) =>
    (await mustRun(['docker', 'exec', host, ...argv], HINT)).trim();
  const show = (unit: string, property: string) =>
    mustOnHost('systemctl', 'show', '--value', `--property=${property}`, unit);
  const journal = () => mustOnHost('journalctl', '--unit', units.service, '--no-pager');
  const booted = () =>
    until('systemd is up', 60_000, async () =>
      /running|degraded/.test((await onHost(['systemctl', 'is-system-running'])).stdout),
    );
  const schedule = (...args: string[]) => {
    const env = { ...stack.env, DOCKER_HOST: `unix://${SOCKET}` };
    const named = Object.entries(env).flatMap(([key, value]) => ['--env', `${key}=${value}`]);
    const script = commandArgv('backup-schedule', args);
    return run(['docker', 'exec', '--workdir', ROOT, ...named, host, ...script]);
  };
  const readUnits = () =>
    mustOnHost(
      'sh',
      '-c',
      `cat /etc/systemd/system/${stack.settings.prefix}-backup.*; ls /etc/systemd/system`,
    );

  it('installs units that systemd finds no fault with, and starts the timer', async () => {
    const made = await schedule();
    assert.equal(made.exitCode, 0, made.stderr);
    assert.match(made.stdout, /scheduled with systemd: \S+-backup\.service and \S+-backup\.timer/);
    const verified = await onHost(['systemd-analyze', 'verify', units.service, units.timer]);
    assert.deepEqual([verified.exitCode, verified.stdout, verified.stderr], [0, '', '']);
    assert.equal(await mustOnHost('systemctl', 'is-enabled', units.timer), 'enabled');
    assert.equal(await mustOnHost('systemctl', 'is-active', units.timer), 'active');
    assert.equal(await show(units.timer, 'Persistent'), 'yes');
    assert.equal(await show(units.timer, 'RandomizedDelayUSec'), '30min');
    assert.match(await show(units.timer, 'TimersCalendar'), /OnCalendar=\*-\*-\* \*:00:00/);
  });

  it('changes nothing when it is installed again', async () => {
    const [before, due] = [await readUnits(), await show(units.timer, 'NextElapseUSecRealtime')];
    assert.equal((await schedule()).exitCode, 0);
    assert.equal(await readUnits(), before);
    assert.ok(due);
    assert.equal(
      (await mustOnHost('systemctl', 'list-timers', '--all', '--no-legend', units.timer)).split('\n').length,
      1,
    );
  });

  it('does what is due, and nothing the second time', async () => {
    const started = await onHost(['systemctl', 'start', units.service]);
    assert.equal(started.exitCode, 0, await journal());
    assert.equal(newest(stack).drill?.ok, true);
    await mustOnHost('systemctl', 'start', units.service);
    assert.equal(readManifests(backupFolder(stack)).length, 1);
    assert.match(await journal(), /\.dump is proven/);
  });

  it('makes up a run that was missed while the host was off', async () => {
    rmSync(backupFolder(stack), { recursive: true });
    // The delay, which is there so that hosts do not begin at once, is all that is changed.
    const dropIn = `/etc/systemd/system/${units.timer}.d`;
    await mustOnHost(
      'sh',
      '-c',
      `mkdir ${dropIn}; printf '[Timer]\\nRandomizedDelaySec=0\\n' >${dropIn}/now.conf`,
    );
    await mustOnHost('touch', '--date=2 days ago', `/var/lib/systemd/timers/stamp-${units.timer}`);
    await mustRun(['docker', 'restart', host], HINT);
    await booted();
    await until('the timer has made a backup', 60_000, async () => newest(stack).drill?.ok === true);
    await until(
      'the service has ended',
      30_000,
      async () => (await show(units.service, 'ActiveState')) === 'inactive',
    );
    assert.equal(await show(units.service, 'Result'), 'success');
    await mustOnHost('rm', '-r', dropIn);
  });

  it('shows a failure as a failed unit', async () => {
    rmSync(backupFolder(stack), { recursive: true });
    await mustRun(['docker', 'stop', stack.name('postgres')], HINT);
    assert.notEqual((await onHost(['systemctl', 'start', units.service])).exitCode, 0);
    assert.equal(await show(units.service, 'ActiveState'), 'failed');
    assert.match(await journal(), /postgres is not up/);
  });

  it('goes without a trace', async () => {
    assert.equal((await schedule('--remove')).exitCode, 0);
    const traces = ['/etc/systemd/system', '/run/systemd/system', '/var/lib/systemd/timers'];
    assert.equal(await mustOnHost('find', ...traces, '-name', `*${stack.settings.prefix}*`), '');
    const listed = ['systemctl', 'list-units', '--all', '--no-legend', `${stack.settings.prefix}-backup.*`];
    assert.equal(await mustOnHost(...listed), '');
    assert.match((await schedule('--remove')).stdout, /Nothing was scheduled/);
  });
});
