import { DescribedError } from './lib/process/errors.ts';
import { lockStack } from './lib/process/lock.ts';
import { bringBack, listPulledReleases } from './lib/registry/deploy.ts';
import { assertReleaseSigned } from './lib/registry/trust.ts';
import { assertDeployable, deploy, isHalfWay } from './lib/release/deploy.ts';
import { readHistory } from './lib/release/history.ts';
import { listAppReleases, returnTo } from './lib/release/releases.ts';
import { openStack } from './lib/stack/open.ts';
import { assertDockerReady } from './lib/stack/preflight.ts';
import { chooseRollback, findDeployed } from './lib/stack/release.ts';
import { main, toMs } from './lib/terminal/cli.ts';
import { formatDuration, say, sayOk } from './lib/terminal/report.ts';

const USAGE = `
Goes back to an earlier release without dropping a request. The database and its schema stay as they are.

  make prod-rollback                 the release before the running one; from a half-done update, what was deployed before it
  make prod-rollback TO=REVISION     another one; which there are: make prod-images
  npx tsx scripts/rollback.ts [REVISION] [--timeout SECONDS]

  --timeout   how long a container may take to get healthy, in seconds; 120 unless said`;

const COMMAND = 'make prod-rollback';

main(import.meta.url, {
  usage: USAGE,
  options: { timeout: { type: 'string', default: '120' } },
  maxPositionals: 1,
  words: { TO: '' },
  async run(flags, [wanted]) {
    const timeoutMs = toMs('--timeout', flags.timeout);
    const startedAt = Date.now();
    const settings = await openStack();
    await assertDockerReady();
    lockStack(settings.prefix, COMMAND);
    await assertDeployable(settings, COMMAND);
    const history = readHistory(settings.prefix);
    const from = findDeployed(history);
    const [here, halfWay] = await Promise.all([listAppReleases(settings), isHalfWay(settings, from)]);
    const releases = [...new Set([...here, ...listPulledReleases(settings.prefix)])];
    const chosen = chooseRollback(history, releases, { wanted, halfWay });
    if (!from || 'problem' in chosen) {
      throw new DescribedError(
        'problem' in chosen ? chosen.problem : `${settings.prefix} was never deployed`,
        'see which releases there are: make prod-images',
      );
    }
    await bringBack(settings, { app: chosen.release, database: from.database });
    const to = await returnTo(settings, chosen.release, from);
    await assertReleaseSigned(settings, to);
    const left = halfWay ? 'what a change left half way' : from.app;
    say(`Going back from ${left} to ${to.app}; the database stays as it is`);
    const command = wanted ? `${COMMAND} TO=${wanted}` : COMMAND;
    await deploy({ settings, command, from, timeoutMs }, to);
    sayOk(`${to.app} is deployed again, in ${formatDuration(Date.now() - startedAt)}`);
  },
});
