import { existsSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { DescribedError, Exit } from '../process/errors.ts';
import { writeWhole } from '../process/files.ts';
import { ROOT } from '../process/root.ts';
import { mustRun, run } from '../process/shell.ts';
import type { StackSettings } from '../stack/stack.ts';
import { sayWarning } from '../terminal/report.ts';
import { assertReachesEngine, findScheduleUser } from './schedule-owner.ts';
import { cronLog, findUnplain, type ScheduleFacts, type Scheduler, scheduleFiles } from './schedule-rules.ts';

/** What the clock's runs need to find the same stack: names and places, no secrets. */
const CARRIED = ['STACK_PREFIX', 'ENV_FILE', 'BACKUP_DIR', 'NODE_EXTRA_CA_CERTS', 'DOCKER_HOST'];

/**
 * Installs the schedule, or brings it up to date.
 * @throws DescribedError (exit 3) without root or a scheduler
 */
export async function installSchedule(
  settings: StackSettings,
): Promise<{ scheduler: Scheduler; user: string; files: string[] }> {
  const scheduler = await findScheduler();
  assertRoot();
  const user = await findScheduleUser(process.execPath);
  const facts = collectFacts(settings, user);
  const [unplain] = findUnplain(facts);
  if (unplain) throw new DescribedError(unplain, 'use letters, digits, blanks and . _ / : @ + = , ~ - alone');
  await assertReachesEngine(user);
  const files = scheduleFiles(scheduler, facts);
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
  } else {
    await giveLog(cronLog(settings.prefix), user);
    await sayWhetherCronRuns();
  }
  return { scheduler, user, files: files.map(({ path }) => path) };
}

/** cron's shell opens the log as the user, who may make none in /var/log. */
async function giveLog(path: string, user: string): Promise<void> {
  if (!existsSync(path)) writeWhole(path, '', { mode: 0o640 });
  await mustRun(['chown', '--no-dereference', user, path], `see whose it is: ls -l ${path}`);
}

async function sayWhetherCronRuns(): Promise<void> {
  const { exitCode } = await run(['pgrep', '-x', 'cron|crond']);
  if (exitCode !== 0) sayWarning('cron is installed but does not run: service cron start');
}

/** Where the files of a schedule are, whichever kind it is. */
export function schedulePaths(settings: StackSettings): string[] {
  const facts = collectFacts(settings, 'root');
  return [...scheduleFiles('systemd', facts), ...scheduleFiles('cron', facts)].map(({ path }) => path);
}

/**
 * Takes the schedule away.
 * @returns the files that went
 */
export async function removeSchedule(settings: StackSettings): Promise<string[]> {
  const there = schedulePaths(settings).filter((path) => existsSync(path));
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

function collectFacts(settings: StackSettings, user: string): ScheduleFacts {
  const carried = CARRIED.flatMap((key) => (process.env[key] ? [[key, process.env[key]] as const] : []));
  return {
    prefix: settings.prefix,
    root: ROOT,
    node: process.execPath,
    user,
    env: Object.fromEntries(carried),
    minute: Math.floor(Math.random() * 60),
  };
}
