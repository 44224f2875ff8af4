import { build } from './build.ts';
import { backUpBefore } from './lib/backup/run.ts';
import { beginChanges } from './lib/process/changes.ts';
import { lockStack } from './lib/process/lock.ts';
import { bringRelease, noteRelease } from './lib/registry/deploy.ts';
import type { BroughtImage } from './lib/registry/pull.ts';
import { assertMayDeploy, assertReleaseSigned } from './lib/registry/trust.ts';
import { assertDeployable } from './lib/release/deploy.ts';
import { loadImages } from './lib/release/load-images.ts';
import { applyUpdate, lookForUpdate } from './lib/release/update.ts';
import { describePlan, isUnchanged, planUpdate } from './lib/release/update-plan.ts';
import { openStack } from './lib/stack/open.ts';
import { assertDockerReady } from './lib/stack/preflight.ts';
import type { StackSettings } from './lib/stack/stack.ts';
import { main, toMs } from './lib/terminal/cli.ts';
import { formatDuration, say, sayFailure, sayOk } from './lib/terminal/report.ts';

const USAGE = `
Deploys what the checkout holds, without dropping a request: builds, checks, backs up, and replaces what has changed while
one container of each service always answers. A next container that does not get healthy is removed, and the current one goes on.

  make prod-update
  make prod-update PLAN=1               say what would be done with the images that were built last; change nothing
  make prod-update NO_BUILD=1           deploy the images that were built last
  make prod-update IMAGES=release.tar   deploy images that were built elsewhere (docker save)
  make prod-update FROM=latest          deploy a release of the registry, by digest: docs/operations/registry.md
  make prod-update WITH_DATABASE=1      the database's image as well: the API is away for some seconds
  npx tsx scripts/update.ts [--plan] [--no-build | --images FILE | --from RELEASE] [--with-database] [--allow-breaking] [--no-backup]
                            [--timeout SECONDS]

  --no-backup        goes without the backup before it (make prod-update NO_BACKUP=1)
  --allow-breaking   deploy migrations that the running version cannot live with
  --timeout          how long a container may take to get healthy, in seconds; 120 unless said`;

const COMMAND = 'make prod-update';

/** Images of a registry, of a file, or of the sources here; without any, those that were built last. */
async function bringImages(
  settings: StackSettings,
  flags: { from?: string; images?: string; 'no-build'?: boolean },
): Promise<BroughtImage[] | undefined> {
  if (flags.from) return bringRelease(settings, flags.from);
  await assertMayDeploy(settings);
  if (flags.images) await loadImages(settings, flags.images);
  else if (!flags['no-build']) await build(settings);
}

main(import.meta.url, {
  usage: USAGE,
  options: {
    plan: { type: 'boolean' },
    'no-build': { type: 'boolean' },
    images: { type: 'string' },
    from: { type: 'string' },
    'with-database': { type: 'boolean' },
    'allow-breaking': { type: 'boolean' },
    'no-backup': { type: 'boolean' },
    timeout: { type: 'string', default: '120' },
  },
  async run(flags) {
    const [startedAt, timeoutMs] = [Date.now(), toMs('--timeout', flags.timeout)];
    const settings = await openStack();
    await assertDockerReady();
    if (!flags.plan) lockStack(settings.prefix, COMMAND, { looksFirst: true });
    await assertDeployable(settings, COMMAND);
    if (!flags.plan) beginChanges(settings.prefix);
    const brought = flags.plan ? undefined : await bringImages(settings, flags);
    const wishes = {
      withDatabase: flags['with-database'] === true,
      allowBreaking: flags['allow-breaking'] === true,
      noBackup: flags['no-backup'] === true,
    };
    const facts = await lookForUpdate(settings, wishes);
    const plan = planUpdate(facts);
    if (flags.plan) {
      for (const line of describePlan(facts.from, plan)) say(line);
      if (plan.refusal) sayFailure(plan.refusal.cause, plan.refusal.hint);
      return;
    }
    if (brought) await noteRelease(settings, plan.to, brought);
    if (brought) await assertReleaseSigned(settings, plan.to);
    await applyUpdate(settings, facts.from, plan, {
      ...{ command: COMMAND, timeoutMs },
      backUp: () => backUpBefore(COMMAND),
    });
    const took = formatDuration(Date.now() - startedAt);
    sayOk(
      isUnchanged(facts.from, plan)
        ? `${plan.to.app} runs already: nothing has changed (${took})`
        : `${plan.to.app} is deployed, in ${took}; the way back: make prod-rollback`,
    );
  },
});
