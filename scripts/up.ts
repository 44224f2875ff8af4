import { build } from './build.ts';
import { warnOfCollations } from './lib/database/collation.ts';
import { beginChanges } from './lib/process/changes.ts';
import { lockStack } from './lib/process/lock.ts';
import { bringForUp } from './lib/registry/deploy.ts';
import { assertMayRun } from './lib/registry/trust.ts';
import { findOtherBuild } from './lib/release/releases.ts';
import { envFileExists } from './lib/stack/env-file.ts';
import { openStack } from './lib/stack/open.ts';
import { assertDockerReady, whenDockerReady } from './lib/stack/preflight.ts';
import { containerName, type Mode, upTarget } from './lib/stack/stack.ts';
import { main, toMs } from './lib/terminal/cli.ts';
import { say, sayWarning } from './lib/terminal/report.ts';
import { applyUp } from './lib/up/apply.ts';
import { describePlan } from './lib/up/describe-rules.ts';
import { look } from './lib/up/look.ts';
import { identify, summarize } from './lib/up/summary.ts';
import { planUp } from './lib/up/up-plan.ts';
import { makeEnvFile } from './prod-env.ts';

const USAGE = `
Brings the stack up and waits until it is healthy. Run again it changes only what differs.
The first time it deploys the images that were built last; from then on it starts what is deployed, whatever was built
since: to deploy that is the work of prod-update, which drops no request.

  make prod-up                    production: reached through the proxy on the network npm-proxy
  make prod-test-up               test mode: the same stack with ports on 127.0.0.1
  make prod-up FROM=latest        the first time: a release of the registry, without a build
  npx tsx scripts/up.ts [--test] [--plan] [--from RELEASE] [--switch] [--empty] [--timeout SECONDS]

  --test       test mode
  --plan       say what would be done, and do nothing (make prod-up PLAN=1)
  --switch     stop the other mode first, should it be running (make prod-up SWITCH=1)
  --empty      begin with an empty database though the history knows of one that is gone (make prod-up EMPTY=1)
  --timeout    how long to wait for health, in seconds; 120 unless said`;

main(import.meta.url, {
  usage: USAGE,
  options: {
    test: { type: 'boolean' },
    plan: { type: 'boolean' },
    from: { type: 'string' },
    switch: { type: 'boolean' },
    empty: { type: 'boolean' },
    timeout: { type: 'string', default: '120' },
  },
  async run(flags) {
    const timeoutMs = toMs('--timeout', flags.timeout);
    const startedAt = Date.now();
    const mode: Mode = flags.test ? 'test' : 'production';
    const settings = await openStack();
    if (!flags.plan) lockStack(settings.prefix, upTarget(mode), { looksFirst: true });
    // The first run of test mode is a trial: it needs no file written by hand.
    if (mode === 'test' && !flags.plan && !(await envFileExists(settings.envFile))) {
      await assertDockerReady();
      beginChanges(settings.prefix);
      await makeEnvFile(settings.envFile);
    }
    const brought = flags.plan ? undefined : await bringForUp(settings, flags.from);
    const { sight, env } = await whenDockerReady(() => look(mode, settings, flags.plan));
    const wish = { mode, switching: flags.switch === true, empty: flags.empty === true };
    const plan = planUp(wish, sight, env.ALLOWED_HOSTS ?? '');
    for (const warning of plan.warnings) sayWarning(warning);
    if (flags.plan) {
      say([`${upTarget(mode)} would:`, ...describePlan(plan, sight)].join('\n  '));
      return;
    }
    await assertMayRun(settings, plan.release, brought);
    beginChanges(settings.prefix);
    const work = { mode, settings, env, timeoutMs, build: () => build(settings) };
    const { containers, release } = await applyUp(plan, work);
    await warnOfCollations(containerName(settings, 'kidney-genetics-postgres'));
    summarize(mode, settings, identify(containers) === identify(sight.services), startedAt);
    if (await findOtherBuild(settings, release)) {
      say(`  It runs ${release.app}; another build is here: make prod-update NO_BUILD=1`);
    }
  },
});
