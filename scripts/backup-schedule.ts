import { loadBackupContext } from './lib/backup/context.ts';
import { installSchedule, removeSchedule } from './lib/backup/schedule.ts';
import { beginChanges } from './lib/process/changes.ts';
import { main } from './lib/terminal/cli.ts';
import { say, sayOk } from './lib/terminal/report.ts';

const USAGE = `
Has this host back up the database every night, prove a backup every week and remove what is too old, by a systemd timer
or, where there is no systemd, by cron. It asks every hour whether something is due: what was missed is made up. It runs as the owner of this checkout; installing it takes root.

  make prod-backup-schedule
  make prod-backup-schedule REMOVE=1
  npx tsx scripts/backup-schedule.ts [--remove]`;

main(import.meta.url, {
  usage: USAGE,
  options: { remove: { type: 'boolean' } },
  async run(flags) {
    const { settings } = await loadBackupContext();
    beginChanges('backup-schedule');
    if (flags.remove) {
      const removed = await removeSchedule(settings);
      return sayOk(
        removed.length > 0 ? `${removed.join(' and ')} removed; the backups stay` : 'Nothing was scheduled',
      );
    }
    const { scheduler, user, files } = await installSchedule(settings);
    sayOk(`Backups are scheduled with ${scheduler}, as ${user}: ${files.join(' and ')}`);
    say('  Each night after 2:00 a backup, each week a drill. How they do: make prod-health');
  },
});
