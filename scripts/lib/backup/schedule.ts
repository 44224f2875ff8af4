import { existsSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { dirname } from 'node:path';
import { DescribedError, Exit } from '../process/errors.ts';
import { writeWhole } from '../process/files.ts';
import { ROOT } from '../process/root.ts';
import { mustRun, run } from '../process/shell.ts';
import type { StackSettings } from '../stack/stack.ts';
import { sayWarning } from '../terminal/report.ts';
import { type ScheduleFacts, type Scheduler, scheduleFiles } from './schedule-rules.ts';

/** What the clock's runs need to find the same stack: names and places, no secrets. */
const CARRIED = ['STACK_PREFIX', 'ENV_FILE', 'BACKUP_DIR', 'NODE_EXTRA_CA_CERTS', 'DOCKER_HOST'];

/**
 * Installs the schedule, or brings it up to date.
 * @throws DescribedError (exit 3) without root or a scheduler
 */
export async function installSchedule(
  settings: StackSettings,
): Promise<{ scheduler: Scheduler; files: string[] }> {
  const scheduler = await findScheduler();
  assertRoot();
  const files = scheduleFiles(scheduler, collectFacts(settings));
  for (const { path, content } of files) {
    await mkdir(dirname(path), { recursive: true });
    writeWhole(path, content, { mode: 0o644 });
  }
  if (scheduler === 'systemd') {
    await mustRun(['systemctl', 'daemon-reload'], 'see what systemd says');
    const timer = `${settings.prefix}-backup.timer`;
    await mustRun(
      ['systemctl', 'enable', '--now', timer],
      `see what systemd says: systemctl status ${timer}`,
    );
  } else if ((await run(['pgrep', '-x', 'cron|crond'])).exitCode !== 0) {
    sayWarning('cron is installed but does not run: service cron start');
  }
  return { scheduler, files: files.map(({ path }) => path) };
}

/**
 * Takes the schedule away, whichever kind it is.
 * @returns the files that went
 */
export async function removeSchedule(settings: StackSettings): Promise<string[]> {
  const facts = collectFacts(settings);
  const paths = [...scheduleFiles('systemd', facts), ...scheduleFiles('cron', facts)].map(({ path }) => path);
  const there = paths.filter((path) => existsSync(path));
  if (there.length === 0) return [];
  assertRoot();
  const withSystemd = there.some((path) => path.endsWith('.timer'));
  if (withSystemd) {
    const timer = `${settings.prefix}-backup.timer`;
    await run(['systemctl', 'disable', '--now', timer]);
    // The time of its last run, and a failure of it.
    await run(['systemctl', 'clean', '--what=state', timer]);
    await run(['systemctl', 'reset-failed', `${settings.prefix}-backup.service`]);
  }
  for (const path of there) await rm(path, { force: true });
  if (withSystemd) await run(['systemctl', 'daemon-reload']);
  return there;
}

async function findScheduler(): Promise<Scheduler> {
  if (existsSync('/run/systemd/system')) return 'systemd';
  const [cron, crond] = await Promise.all([run(['which', 'cron']), run(['which', 'crond'])]);
  if (cron.exitCode === 0 || crond.exitCode === 0) return 'cron';
  throw new DescribedError(
    'This host has neither systemd nor cron',
    'apt-get install cron && service cron start',
    Exit.missing,
  );
}

function assertRoot(): void {
  if (process.getuid?.() === 0) return;
  throw new DescribedError(
    'The schedule is a matter of the host',
    'sudo make prod-backup-schedule',
    Exit.missing,
  );
}

function collectFacts(settings: StackSettings): ScheduleFacts {
  const carried = CARRIED.flatMap((key) => (process.env[key] ? [[key, process.env[key]] as const] : []));
  return {
    prefix: settings.prefix,
    root: ROOT,
    node: process.execPath,
    user: userInfo().username,
    path: process.env.PATH ?? '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    env: Object.fromEntries(carried),
    minute: Math.floor(Math.random() * 60),
  };
}
