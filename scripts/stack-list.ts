import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { listContainers } from './lib/docker/containers.ts';
import { listStacks } from './lib/stack/checkout-rules.ts';
import { readEnvText } from './lib/stack/env-text-rules.ts';
import { assertDockerReady } from './lib/stack/preflight.ts';
import { SERVICES } from './lib/stack/stack.ts';
import { main } from './lib/terminal/cli.ts';
import { formatTable, paint, say } from './lib/terminal/report.ts';

const USAGE = `
Shows every stack of this kit on this host: its name, how it is, its domain, and the checkout that it runs from.

  make stack-list
  npx tsx scripts/stack-list.ts [--json]`;

/** Another user's env file cannot be read, and need not be. */
function readDomain(checkout: string): string | undefined {
  if (!existsSync(checkout)) return undefined;
  try {
    return readEnvText(readFileSync(join(checkout, '.env.production'), 'utf8')).values.DOMAIN ?? '';
  } catch {
    return '';
  }
}

main(import.meta.url, {
  usage: USAGE,
  options: { json: { type: 'boolean' } },
  async run(flags) {
    await assertDockerReady();
    const ofServices = SERVICES.map((service) =>
      listContainers(`label=com.docker.compose.service=${service}`),
    );
    const stacks = listStacks((await Promise.all(ofServices)).flat(), readDomain);
    if (flags.json) return say(JSON.stringify(stacks, null, 2));
    if (stacks.length === 0) return say('No stack of this kit is on this host: make prod-up');
    const head = ['STACK', 'MODE', 'STATE', 'DOMAIN', 'CHECKOUT'].map((word) => paint('bold', word));
    const rows = stacks.map(({ name, mode, state, domain, checkout }) => [
      name,
      mode,
      state,
      domain,
      checkout,
    ]);
    say(formatTable([head, ...rows], { spare: ['MODE'] }));
  },
});
