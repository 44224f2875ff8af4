import { main } from './lib/cli.ts';
import { lockStack } from './lib/lock.ts';
import { KEPT_RELEASES } from './lib/model/release.ts';
import { assertDockerReady } from './lib/preflight.ts';
import { loadSettings } from './lib/project.ts';
import { pruneBuildCache, pruneEngineLog, pruneImages } from './lib/release/prune.ts';
import { formatBytes, say, sayOk } from './lib/report.ts';

const USAGE = `
Makes room on the disk from what this project alone has left: images older than the last ${KEPT_RELEASES} releases, cache of its own
builds that was not used for a day, and all but the end of the engine's log where host-setup started the engine.
Volumes, running images and everything of other projects stay.

  make prod-prune
  npx tsx scripts/prune.ts`;

await main(import.meta.url, {
  usage: USAGE,
  options: {},
  async run() {
    const settings = loadSettings();
    await assertDockerReady();
    lockStack(settings.prefix, 'make prod-prune');
    const images = await pruneImages(settings);
    for (const name of images) say(`  ${name}`);
    const cache = await pruneBuildCache();
    const log = pruneEngineLog();
    sayOk(
      `Removed ${images.length} image names, ${cache} records of build cache, ${formatBytes(log)} of log`,
    );
  },
});
