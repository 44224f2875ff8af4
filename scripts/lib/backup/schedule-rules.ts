import { commandArgv } from '../process/command.ts';
import { isOfFuture, type Manifest } from './manifest.ts';

const HOUR = 3_600_000;
/** Nights are quiet: a day's backup is due from two o'clock, local time. */
const DUE_HOUR = 2;
const DRILL_DAYS = 7;
/** Not the operator's own: what stands there may be anybody's. */
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** How this host runs things by the clock. */
export type Scheduler = 'systemd' | 'cron';

export interface ScheduleFacts {
  prefix: string;
  root: string;
  node: string;
  /** The checkout's owner. */
  user: string;
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
  // What a clock that was wrong dated in the future must not hide for years that something is due.
  const newest = (times: readonly string[]) =>
    Math.max(0, ...times.filter((time) => !isOfFuture(time, now.getTime())).map((time) => Date.parse(time)));
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

/** What both a shell's line and a unit's file take without being changed by it; a percent sign and a line's end are not. */
const PLAIN = /^[\p{L}\p{N} ._/:@+=,~-]+$/u;

/**
 * The places and settings that no schedule can name safely, in words.
 * @returns such as `ENV_FILE has a line's end or another character that a schedule cannot hold`
 */
export function findUnplain({ prefix, root, node, user, env }: ScheduleFacts): string[] {
  const named = {
    'the name of the stack': prefix,
    'the path of the checkout': root,
    'the path of node': node,
    user,
    ...env,
  };
  return Object.entries(named)
    .filter(([, value]) => !PLAIN.test(value))
    .map(([name]) => `${name} has a character that a schedule cannot hold`);
}

/** What a schedule's file says of who runs it; undefined for another text. */
export function readScheduleUser(content: string): string | undefined {
  return /^User=(\S+)$/m.exec(content)?.[1] ?? /^\d+ \* \* \* \* (\S+) cd /m.exec(content)?.[1];
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

/** Where cron's runs write; it has to be the user's before the first. */
export function cronLog(prefix: string): string {
  return `/var/log/${prefix}-backup.log`;
}

/** cron reads no file whose name has a dot. */
function cronPath(prefix: string): string {
  return `/etc/cron.d/${prefix.replace(/[^A-Za-z0-9_-]/g, '_')}-backup`;
}

function command({ node }: ScheduleFacts): string[] {
  return commandArgv('backup', ['--scheduled'], node);
}

function formatService(facts: ScheduleFacts): string {
  const { prefix, root, env } = facts;
  const variables = Object.entries({ PATH, ...env }).map(
    ([key, value]) => `Environment=${quoteUnit(`${key}=${value}`)}`,
  );
  return `# Made by \`make prod-backup-schedule\`; taken away by \`make prod-backup-schedule REMOVE=1\`.
[Unit]
Description=Backup of ${prefix}: does what is due
After=docker.service

[Service]
Type=oneshot
User=${facts.user}
WorkingDirectory=${root}
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
  const { prefix, root, env, minute, user } = facts;
  const variables = Object.entries(env).map(([key, value]) => `${key}=${quoteShell(value)}`);
  const words = ['cd', quoteShell(root), '&&', ...variables, ...command(facts).map(quoteShell)];
  const log = quoteShell(cronLog(prefix));
  return `# Made by \`make prod-backup-schedule\`; taken away by \`make prod-backup-schedule REMOVE=1\`.
# Every hour: most runs find nothing due.
SHELL=/bin/sh
PATH=${PATH}
${minute} * * * * ${user} ${words.join(' ')} >>${log} 2>&1
`;
}

/** Nothing but blanks and letters is left to be quoted: `findUnplain`. */
function quoteUnit(text: string): string {
  return /^[A-Za-z0-9_./=:-]+$/.test(text) ? text : `"${text}"`;
}

/** For the shell that cron runs a line with. */
function quoteShell(text: string): string {
  return /^[A-Za-z0-9_./=:-]+$/.test(text) ? text : `'${text}'`;
}
