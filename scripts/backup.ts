import { type BackupContext, loadBackupContext, lockBackups } from './lib/backup/context.ts';
import { chooseStore, findBackups, listOwn } from './lib/backup/find.ts';
import { formatBackups, formatVerdicts } from './lib/backup/list.ts';
import { pruneBackups, runBackup, runDrills } from './lib/backup/run.ts';
import { runScheduled } from './lib/backup/scheduled.ts';
import { DescribedError, Exit } from './lib/process/errors.ts';
import { main } from './lib/terminal/cli.ts';
import { say, sayOk } from './lib/terminal/report.ts';

const USAGE = `
Backs up the database: a compressed dump of one moment, proven, with a manifest beside it.

  make prod-backup                          make a backup
  make prod-backup-verify [FILE=...]        restore one into a throwaway server and compare; the latest unless said
  make prod-backup-list                     what there is
  make prod-backup-prune [DRY_RUN=1]        remove those that are not to be kept
  npx tsx scripts/backup.ts [--verify FILE|latest|all | --list | --prune [--dry-run]] [--remote] [--json]

  --verify     the restore drill, of FILE (a path, a name in the folder, s3://bucket/prefix/NAME), latest or all
  --list       shows backups with age, size and when they were proven
  --prune      removes all but the newest of so many days, weeks and months (BACKUP_KEEP_DAILY, _WEEKLY, _MONTHLY)
  --dry-run    with --prune: only shows which would go
  --remote     with --list, --prune, latest or all: those in the bucket (BACKUP_REMOTE)
  --scheduled  does what is due by the clock, which may be nothing
  --json       with --list: prints the manifests
  --trust      with --verify: takes backups that nobody signed with this checkout's BACKUP_KEY, and signs those that are
               proven (TRUST=1)`;

async function prune(context: BackupContext, remote: boolean, dryRun: boolean): Promise<void> {
  const verdicts = await pruneBackups(context, await chooseStore(context, remote), dryRun);
  if (verdicts.length > 0) say(formatVerdicts(verdicts));
  const going = verdicts.filter(({ reasons }) => reasons.length === 0).length;
  sayOk(`${going} of ${verdicts.length} backups ${dryRun ? 'would be' : 'were'} removed`);
}

async function list(context: BackupContext, remote: boolean, json: boolean): Promise<void> {
  const store = await chooseStore(context, remote);
  const manifests = await listOwn(store, context.settings.prefix);
  const files = await store.files();
  const missing = new Set(manifests.filter(({ file }) => !files.has(file)).map(({ name }) => name));
  if (json) {
    const marked = manifests.map((one) => (missing.has(one.name) ? { ...one, missing: true } : one));
    return say(JSON.stringify(marked, undefined, 2));
  }
  if (manifests.length === 0) return say(`No backup in ${store.place} yet: make prod-backup`);
  say(formatBackups(manifests, missing, Date.now()));
}

main(import.meta.url, {
  usage: USAGE,
  options: {
    verify: { type: 'boolean' },
    list: { type: 'boolean' },
    prune: { type: 'boolean' },
    // What it was called until version 0.2.
    thin: { type: 'boolean' },
    'dry-run': { type: 'boolean' },
    remote: { type: 'boolean' },
    scheduled: { type: 'boolean' },
    json: { type: 'boolean' },
    trust: { type: 'boolean' },
  },
  maxPositionals: 1,
  words: { FILE: '' },
  async run(flags, [file]) {
    const remote = flags.remote === true;
    const dryRun = flags['dry-run'] === true;
    const pruning = flags.prune === true || flags.thin === true;
    const modes = [flags.verify, flags.list, pruning, flags.scheduled].filter(Boolean);
    if (modes.length > 1) {
      throw new DescribedError(
        '--verify, --list, --prune and --scheduled exclude each other',
        'see --help',
        Exit.usage,
      );
    }
    if (dryRun && !pruning) throw new DescribedError('--dry-run goes with --prune', 'see --help', Exit.usage);
    if (file && !flags.verify)
      throw new DescribedError(`${file} goes with --verify`, 'see --help', Exit.usage);
    const context = await loadBackupContext(flags.trust === true);
    if (flags.list) return list(context, remote, flags.json === true);
    if (dryRun) return prune(context, remote, true);
    await lockBackups(context, flags.verify ? 'make prod-backup-verify' : 'make prod-backup');
    if (flags.verify) return runDrills(context, await findBackups(context, file || 'latest', remote));
    if (pruning) return prune(context, remote, false);
    if (flags.scheduled) return runScheduled(context);
    await runBackup(context);
  },
});
