import { type ImportCounts, load, openImport, type RunScript } from './lib/app/data.ts';
import { backUpBefore } from './lib/backup/run.ts';
import { ownerOfStack } from './lib/database/sign-in.ts';
import { querySql } from './lib/database/sql.ts';
import { DescribedError, Exit } from './lib/process/errors.ts';
import { lockStack } from './lib/process/lock.ts';
import { assertNoUpgrade } from './lib/release/upgrade-state.ts';
import { loadEnvFile } from './lib/stack/env-file.ts';
import { openStack } from './lib/stack/open.ts';
import { assertDockerReady } from './lib/stack/preflight.ts';
import { main } from './lib/terminal/cli.ts';
import { confirm } from './lib/terminal/confirm.ts';
import { formatDuration, say, sayOk } from './lib/terminal/report.ts';

const USAGE = `
Loads a list, CSV or TSV, into the running stack: all of it or, when a row is bad, nothing. Entries are told apart by their
id: new ones are added, known ones changed, others stay. Columns: backend/data/README.md.

  make data-import FILE=genes.csv [DRY_RUN=1] [NEW_GROUPS=1] [REPLACE=1 [YES=1]]
  npx tsx scripts/data-import.ts [--dry-run] [--new-groups] [--replace [--yes]] [--json] FILE

  --dry-run      check and count, change nothing
  --new-groups   add disease groups that are not there yet
  --replace      remove the entries that are not in the file, after a question and a backup
  --yes          remove them without the question
  --json         print the counts, or the bad rows, as JSON; after a backup it is the last line`;

const COMMAND = 'make data-import';
/** The lists of everything that there are take seconds. */
const IMPORT_SECONDS = 1800;

function refuseImport(error: unknown): never {
  if (!(error instanceof DescribedError)) throw error;
  throw new DescribedError(`Nothing was changed: the import failed: ${error.message}`, error.hint);
}

function describe(counts: ImportCounts): string {
  return Object.entries(counts)
    .map(([what, count]) => `${count} ${what}`)
    .join(', ');
}

main(import.meta.url, {
  usage: USAGE,
  options: {
    'dry-run': { type: 'boolean' },
    'new-groups': { type: 'boolean' },
    replace: { type: 'boolean' },
    yes: { type: 'boolean' },
    json: { type: 'boolean' },
  },
  maxPositionals: 1,
  words: { FILE: '' },
  async run(flags, [file]) {
    const startedAt = Date.now();
    if (!file) throw new DescribedError('Say which file', `${COMMAND} FILE=genes.csv`, Exit.usage);
    const [dryRun, replace, newGroups] = [flags['dry-run'], flags.replace, flags['new-groups']].map(Boolean);
    const options = { dryRun: dryRun === true, replace: replace === true, newGroups: newGroups === true };
    const [settings, json] = [await openStack(), flags.json === true];
    await assertDockerReady();
    if (!options.dryRun) {
      lockStack(settings.prefix, COMMAND);
      assertNoUpgrade(settings.prefix);
    }
    const env = await loadEnvFile(settings.envFile);
    const owner = await ownerOfStack(settings, env.POSTGRES_DB || 'kidney_genetics');
    // The owner's functions and triggers look their own tables up in public.
    const signIn = { ...owner, searchPath: 'public', limitSeconds: IMPORT_SECONDS };
    const ask: RunScript = (script) => querySql(signIn, script).catch(refuseImport);
    const opened = await openImport(file, options.newGroups, json, ask);
    if (!json) sayOk(`Read ${opened.rows} rows, all good as far as the file tells`);
    if (options.replace && !options.dryRun) {
      const planned = await load(opened, { ...options, dryRun: true }, json, ask);
      if (planned.removed > 0) {
        await confirm(
          `${file} would give ${describe(planned)}. Remove ${planned.removed}?`,
          flags.yes === true,
        );
        await backUpBefore(COMMAND);
      }
    }
    const counts = await load(opened, options, json, ask);
    if (json) return say(JSON.stringify(counts));
    const took = formatDuration(Date.now() - startedAt);
    sayOk(
      `${dryRun ? 'Dry run, nothing was changed; it would be' : 'Imported'}: ${describe(counts)} (${took})`,
    );
  },
});
