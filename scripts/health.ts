import { readBackupHealth, sayBackupHealth } from './lib/backup/health.ts';
import { warnOfCollations } from './lib/database/collation.ts';
import type { ContainerInfo } from './lib/docker/containers.ts';
import { readStats } from './lib/docker/usage.ts';
import { DescribedError, Exit } from './lib/process/errors.ts';
import { warnOfNpmOfHost } from './lib/proxy/npm/warnings.ts';
import { listStack } from './lib/stack/containers.ts';
import { hintOf, showProbes, showTable } from './lib/stack/health-report.ts';
import { openStack } from './lib/stack/open.ts';
import { whenDockerReady } from './lib/stack/preflight.ts';
import { type Probe, probeStack } from './lib/stack/probes.ts';
import { containerName, SERVICES, type StackSettings, upTarget } from './lib/stack/stack.ts';
import { findTroubles, showTroubles } from './lib/stack/trouble.ts';
import { main } from './lib/terminal/cli.ts';
import { say, sayFailure } from './lib/terminal/report.ts';
import { findHandiwork } from './lib/up/describe-rules.ts';
import { look } from './lib/up/look.ts';

const USAGE = `
Shows how each container of the stack is doing, and how old the last good backup and the last restore drill are; exit 1 when a
container is not healthy or the backups are stale. Names what ran out of memory or restarts in a loop, also if it is well
again, and shows the last log lines of what is not healthy. Names what was done to the stack by hand.

  make prod-health
  make prod-test-health           adds requests to the page, the API, the WebSocket and the database
  npx tsx scripts/health.ts [--test] [--json]`;

async function probe(settings: StackSettings, containers: readonly ContainerInfo[]): Promise<Probe[]> {
  if (!containers.some(({ mode }) => mode === 'test')) {
    throw new DescribedError(
      `${settings.prefix} is up in production mode, which has no ports`,
      'make prod-health',
    );
  }
  return probeStack(containers);
}

main(import.meta.url, {
  usage: USAGE,
  options: { test: { type: 'boolean' }, json: { type: 'boolean' } },
  async run(flags) {
    const settings = await openStack();
    const containers = await whenDockerReady(() => listStack(settings));
    const mode = containers.find((one) => one.mode)?.mode ?? 'production';
    if (containers.length === 0) {
      throw new DescribedError(
        `${settings.prefix} is not up`,
        flags.test ? 'make prod-test-up' : 'make prod-up',
      );
    }
    const running = containers.filter(({ state }) => state === 'running').map(({ name }) => name);
    const [stats, backups, probes, troubles, { sight }] = await Promise.all([
      readStats(running),
      readBackupHealth(),
      flags.test ? probe(settings, containers) : [],
      findTroubles(settings, containers),
      look(mode, settings, true),
      warnOfCollations(containerName(settings, 'kidney-genetics-postgres')),
      mode === 'production' && warnOfNpmOfHost(settings.network),
    ]);
    const handiwork = findHandiwork(sight);
    if (flags.json) {
      const described = containers.map((one) => ({
        ...one,
        use: stats.get(one.name) ?? null,
        trouble: troubles.get(one.name)?.words ?? [],
      }));
      say(JSON.stringify({ containers: described, probes, backups, handiwork }, null, 2));
    } else {
      showTable(containers, stats);
      showProbes(probes);
      sayBackupHealth(backups);
      await showTroubles(containers, troubles);
    }
    for (const sentence of handiwork) sayFailure(sentence, upTarget(mode));
    const healthy = SERVICES.every((service) =>
      containers.some((one) => one.service === service && one.health === 'healthy'),
    );
    const ill = [...troubles.values()].some(({ now }) => now);
    if (!healthy || ill || probes.some(({ ok }) => !ok)) {
      sayFailure('Not everything is healthy', hintOf(settings, containers));
    } else if (backups.colour !== 'red' && handiwork.length === 0) return;
    process.exitCode = Exit.failed;
  },
});
