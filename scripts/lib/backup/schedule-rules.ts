import { commandArgv } from '../process/command.ts';
import type { Manifest } from './manifest.ts';

const HOUR = 3_600_000;
/** Nights are quiet: a day's backup is due from two o'clock, local time. */
const DUE_HOUR = 2;
const DRILL_DAYS = 7;

/** How this host runs things by the clock. */
export type Scheduler = 'systemd' | 'cron';

export interface ScheduleFacts {
  prefix: string;
  root: string;
  node: string;
  user: string;
  path: string;
  /** Variables that name this stack and its files, without secrets. */
  env: Readonly<Record<string, string>>;
  /** A minute of the hour, chosen by chance so that the stacks of a host do not all begin at once. */
  minute: number;
}

/** A file of the schedule. */
export interface ScheduleFile {
  path: string;
  content: string;
}

/** What a run by the clock has to do. */
export interface Due {
  backup: boolean;
  drill: boolean;
}

/**
 * Decides what is due. The clock asks every hour, so that what a host missed, being off or failing, is made up within one.
 * @param manifests of this stack
 */
export function findDue(manifests: readonly Manifest[], now: Date): Due {
  const newest = (times: readonly string[]) => Math.max(0, ...times.map((time) => Date.parse(time)));
  const slot = new Date(now);
  slot.setHours(DUE_HOUR, 0, 0, 0);
  if (slot > now) slot.setDate(slot.getDate() - 1);
  const drilled = newest(manifests.flatMap(({ drill }) => (drill ? [drill.at] : [])));
  return {
    backup: newest(manifests.map(({ createdAt }) => createdAt)) < slot.getTime(),
    // An hour less: a drill at the same hour every week must not slip by one each time.
    drill: now.getTime() - drilled > DRILL_DAYS * 24 * HOUR - HOUR,
  };
}

/** The files that make a host run backups by the clock. */
export function scheduleFiles(scheduler: Scheduler, facts: ScheduleFacts): ScheduleFile[] {
  if (scheduler === 'cron') return [{ path: cronPath(facts.prefix), content: formatCron(facts) }];
  const unit = `/etc/systemd/system/${facts.prefix}-backup`;
  return [
    { path: `${unit}.service`, content: formatService(facts) },
    { path: `${unit}.timer`, content: formatTimer(facts) },
  ];
}

/** cron reads no file whose name has a dot. */
function cronPath(prefix: string): string {
  return `/etc/cron.d/${prefix.replace(/[^A-Za-z0-9_-]/g, '_')}-backup`;
}

function command({ node }: ScheduleFacts): string[] {
  return commandArgv('backup', ['--scheduled'], node);
}

function formatService(facts: ScheduleFacts): string {
  const { prefix, root, path, env } = facts;
  const variables = Object.entries({ PATH: path, ...env }).map(
    ([key, value]) => `Environment=${quoteUnit(`${key}=${value}`)}`,
  );
  return `# Made by \`make prod-backup-schedule\`; taken away by \`make prod-backup-schedule REMOVE=1\`.
[Unit]
Description=Backup of ${prefix}: does what is due
After=docker.service

[Service]
Type=oneshot
User=${facts.user}
WorkingDirectory=${root.replaceAll('%', '%%')}
${variables.join('\n')}
ExecStart=${command(facts).map(quoteUnit).join(' ')}
Nice=10
IOSchedulingClass=idle
`;
}

function formatTimer({ prefix }: ScheduleFacts): string {
  return `# Made by \`make prod-backup-schedule\`; taken away by \`make prod-backup-schedule REMOVE=1\`.
[Unit]
Description=Backups of ${prefix}, every hour: most runs find nothing due

[Timer]
OnCalendar=hourly
RandomizedDelaySec=30min
Persistent=true

[Install]
WantedBy=timers.target
`;
}

function formatCron(facts: ScheduleFacts): string {
  const { prefix, root, path, env, minute, user } = facts;
  const variables = Object.entries(env).map(([key, value]) => `${key}=${quoteShell(value)}`);
  const words = ['cd', quoteShell(root), '&&', ...variables, ...command(facts).map(quoteShell)];
  const log = quoteShell(`/var/log/${prefix}-backup.log`);
  const line = `${words.join(' ')} >>${log} 2>&1`;
  return `# Made by \`make prod-backup-schedule\`; taken away by \`make prod-backup-schedule REMOVE=1\`.
# Every hour: most runs find nothing due.
SHELL=/bin/sh
PATH=${path}
${minute} * * * * ${user} ${line.replaceAll('%', '\\%')}
`;
}

/** For a unit's file: https://www.freedesktop.org/software/systemd/man/latest/systemd.syntax.html#Quoting */
function quoteUnit(text: string): string {
  const escaped = text
    .replaceAll('\\', '\\\\')
    .replaceAll('"', '\\"')
    .replaceAll('%', '%%')
    .replaceAll('$', '$$$$');
  return /^[A-Za-z0-9_./=:-]+$/.test(escaped) ? escaped : `"${escaped}"`;
}

/** For the shell that cron runs a line with. */
function quoteShell(text: string): string {
  return /^[A-Za-z0-9_./=:-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
