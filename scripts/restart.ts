import { DescribedError } from './lib/process/errors.ts';
import { lockStack } from './lib/process/lock.ts';
import { $, must } from './lib/process/shell.ts';
import { assertNoUpgrade } from './lib/release/upgrade-state.ts';
import { assertSecretsThere } from './lib/secrets/secrets.ts';
import { inspectStack } from './lib/stack/containers.ts';
import { openStack } from './lib/stack/open.ts';
import { assertDockerReady } from './lib/stack/preflight.ts';
import { waitHealthy } from './lib/stack/wait-healthy.ts';
import { main, toMs } from './lib/terminal/cli.ts';
import { formatDuration, sayOk } from './lib/terminal/report.ts';

const USAGE = `
Restarts the containers of the stack, in whichever mode it is up, and waits until they are healthy.

  make prod-restart
  npx tsx scripts/restart.ts [--timeout SECONDS]`;

main(import.meta.url, {
  usage: USAGE,
  options: { timeout: { type: 'string', default: '120' } },
  async run(flags) {
    const timeoutMs = toMs('--timeout', flags.timeout);
    const startedAt = Date.now();
    const settings = await openStack();
    lockStack(settings.prefix, 'make prod-restart');
    assertNoUpgrade(settings.prefix);
    const containers = await inspectStack(settings);
    if (containers.length === 0) {
      // The engine that made them was fit then: it is asked about only now.
      await assertDockerReady();
      throw new DescribedError(`${settings.prefix} is not up`, 'make prod-up');
    }
    assertSecretsThere(settings.prefix);
    // All at once, where Compose goes from one to the next: the API waits for its database by itself.
    await Promise.all(containers.map(({ id }) => must($`docker restart ${id}`, 'make prod-up')));
    await waitHealthy(settings, timeoutMs);
    sayOk(`Restarted, all healthy in ${formatDuration(Date.now() - startedAt)}`);
  },
});
