import { DescribedError, Exit } from './lib/process/errors.ts';
import { lockStack } from './lib/process/lock.ts';
import { pruneBuildCache, pruneEngineLog, pruneImages, pruneNameless } from './lib/release/prune.ts';
import { openStack } from './lib/stack/open.ts';
import { assertDockerReady } from './lib/stack/preflight.ts';
import { KEPT_RELEASES } from './lib/stack/release.ts';
import { main } from './lib/terminal/cli.ts';
import { formatBytes, say, sayOk } from './lib/terminal/report.ts';

const USAGE = `
Makes room on the disk from what this project alone has left: images older than the last ${KEPT_RELEASES} releases, cache of its own
builds that was not used for a while, and all but the end of the engine's log where host-setup started the engine.
Volumes, running images and everything of other projects stay.

  make prod-prune
  make prod-prune CACHE_AGE=0s      all cache of its own builds: the next build takes its full time
  npx tsx scripts/prune.ts [--cache-age AGE]

  --cache-age   what no build has used for so long goes: 30m, 48h; 24h unless said`;

main(import.meta.url, {
  usage: USAGE,
  options: { 'cache-age': { type: 'string', default: '24h' } },
  async run(flags) {
    const age = flags['cache-age'];
    if (!/^\d+[smh]$/.test(age)) {
      throw new DescribedError(`${age} is not an age`, 'say it as 30m or 48h', Exit.usage);
    }
    const settings = await openStack();
    await assertDockerReady();
    lockStack(settings.prefix, 'make prod-prune');
    const images = await pruneImages(settings);
    for (const name of images) say(`  ${name}`);
    const nameless = await pruneNameless();
    const cache = await pruneBuildCache(age);
    const log = pruneEngineLog();
    sayOk(
      `Removed ${images.length} image names, ${nameless} images without a name, ${cache} records of build cache, ${formatBytes(log)} of log`,
    );
  },
});
