import { type BackupContext, loadBackupContext, lockBackups } from './lib/backup/context.ts';
import { findDatabase } from './lib/backup/create.ts';
import { assertTrusted, type FoundBackup, findBackups } from './lib/backup/find.ts';
import { assertRestorable, previewRestore, restoreBackup } from './lib/backup/restore.ts';
import { dropDatabase, incomingName, listReplaced, type Swapped, swapIn } from './lib/backup/swap.ts';
import { DescribedError, Exit } from './lib/process/errors.ts';
import { lockStack } from './lib/process/lock.ts';
import { assertNoUpgrade } from './lib/release/upgrade-state.ts';
import { main } from './lib/terminal/cli.ts';
import { confirm } from './lib/terminal/confirm.ts';
import { formatBytes, formatDuration, say, sayOk } from './lib/terminal/report.ts';

const USAGE = `
Puts a backup in the place of the database, which goes on until the moment of the swap and is then kept beside it.

  make prod-restore FILE=... [YES=1]     FILE: a path, a name in backups/, latest, or s3://bucket/prefix/NAME
  make prod-restore UNDO=1 [YES=1]       swap back to the database that was replaced last
  make prod-restore DROP_REPLACED=1      remove the replaced databases, for their space
  npx tsx scripts/restore.ts FILE|--undo|--drop-replaced [--yes]

  --yes     do not ask
  --trust   takes a backup that nobody signed with this checkout's BACKUP_KEY (make prod-restore FILE=... TRUST=1)`;

function saySwapped({ replaced, heldMs }: Swapped, database: string): void {
  sayOk(`${database} was swapped; connections were held off for ${formatDuration(heldMs)}`);
  if (replaced) say(`  The former one is kept as ${replaced}: back with make prod-restore UNDO=1`);
  say('  When all is well, for its space: make prod-restore DROP_REPLACED=1');
}

async function restore(
  context: BackupContext,
  server: string,
  found: FoundBackup,
  yes: boolean,
): Promise<void> {
  const startedAt = performance.now();
  await assertRestorable(context, server, found);
  say(await previewRestore(context, server, found));
  assertTrusted(context, found);
  await confirm(`Put ${found.manifest.file} in the place of ${context.database}?`, yes);
  const swapped = await restoreBackup(context, server, found);
  sayOk(`${found.manifest.file} is restored, in ${formatDuration(performance.now() - startedAt)}`);
  saySwapped(swapped, context.database);
}

async function undo({ database }: BackupContext, server: string, yes: boolean): Promise<void> {
  const [newest] = await listReplaced(server, database);
  if (!newest)
    throw new DescribedError('No replaced database is kept', 'restore a backup: make prod-restore FILE=...');
  await confirm(`Put ${newest.name} back in the place of ${database}?`, yes);
  saySwapped(await swapIn(server, database, newest.name), database);
}

async function dropReplaced({ database }: BackupContext, server: string, yes: boolean): Promise<void> {
  const replaced = await listReplaced(server, database);
  for (const { name, bytes } of replaced) say(`  ${name}  ${formatBytes(bytes)}`);
  if (replaced.length > 0) await confirm('Remove them for good?', yes);
  for (const { name } of replaced) await dropDatabase(server, name);
  await dropDatabase(server, incomingName(database));
  sayOk(replaced.length === 0 ? 'No replaced database is kept' : `${replaced.length} removed`);
}

main(import.meta.url, {
  usage: USAGE,
  options: {
    undo: { type: 'boolean' },
    'drop-replaced': { type: 'boolean' },
    yes: { type: 'boolean' },
    trust: { type: 'boolean' },
  },
  maxPositionals: 1,
  words: { FILE: '' },
  async run(flags, [file]) {
    const wanted = [file !== undefined, flags.undo, flags['drop-replaced']].filter(Boolean);
    if (wanted.length !== 1) {
      throw new DescribedError('Say which backup, or --undo, or --drop-replaced', 'see --help', Exit.usage);
    }
    const context = await loadBackupContext(flags.trust === true);
    const yes = flags.yes === true;
    await lockBackups(context, 'make prod-restore');
    lockStack(context.settings.prefix, 'make prod-restore');
    assertNoUpgrade(context.settings.prefix);
    const server = (await findDatabase(context.settings)).name;
    if (flags.undo) return undo(context, server, yes);
    if (flags['drop-replaced']) return dropReplaced(context, server, yes);
    await context.store.open(context.settings.prefix);
    const [found] = await findBackups(context, file ?? 'latest');
    if (found) await restore(context, server, found, yes);
  },
});
