import { DescribedError, Exit } from './lib/process/errors.ts';
import { lockStack } from './lib/process/lock.ts';
import { startNpm, stopNpm } from './lib/proxy/npm/own.ts';
import { openStack } from './lib/stack/open.ts';
import { assertDockerReady } from './lib/stack/preflight.ts';
import { main } from './lib/terminal/cli.ts';

const USAGE = `
Starts or stops an Nginx Proxy Manager of this kit, for a host that has none yet.

  make npm-up
  make npm-down                   its settings and certificates stay
  npx tsx scripts/npm-stack.ts up|down

Ports: 80 and 443 for everybody, 81 (its page) on 127.0.0.1; NPM_HTTP_PORT, NPM_HTTPS_PORT, NPM_ADMIN_PORT name others, NPM_BIND
another address than 0.0.0.0. NPM_IMAGE names another image.`;

main(import.meta.url, {
  usage: USAGE,
  options: {},
  maxPositionals: 1,
  async run(_flags, [action]) {
    if (action !== 'up' && action !== 'down') {
      throw new DescribedError('Say up or down', 'see --help', Exit.usage);
    }
    const settings = await openStack(true);
    await assertDockerReady();
    lockStack(`${settings.prefix}-npm`, `make npm-${action}`);
    await (action === 'up' ? startNpm(settings) : stopNpm(settings));
  },
});
