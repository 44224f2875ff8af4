import { main } from './lib/cli.ts';
import { assertNoUpgrade } from './lib/database/database-upgrade.ts';
import { listStack } from './lib/docker.ts';
import { DescribedError } from './lib/errors.ts';
import { lockStack } from './lib/lock.ts';
import { composeArgv, composeNames } from './lib/model/stack.ts';
import { explainByDocker } from './lib/preflight.ts';
import { loadSettings, ROOT } from './lib/project.ts';
import { formatDuration, sayOk } from './lib/report.ts';
import { mustRun } from './lib/shell.ts';
import { waitHealthy } from './lib/wait-healthy.ts';

const USAGE = `
Restarts the containers of the stack, in whichever mode it is up, and waits until they are healthy.

  make prod-restart
  npx tsx scripts/restart.ts [--timeout SECONDS]`;

await main(import.meta.url, {
  usage: USAGE,
  options: { timeout: { type: 'string', default: '120' } },
  async run(flags) {
    const startedAt = Date.now();
    const settings = loadSettings();
    lockStack(settings.prefix, 'make prod-restart');
    assertNoUpgrade(settings.prefix);
    const [first] = await listStack(settings).catch(explainByDocker);
    const mode = first?.mode;
    if (!mode) throw new DescribedError(`${settings.prefix} is not up`, 'make prod-up');
    const env = composeNames(mode, settings);
    await mustRun(composeArgv(mode, settings, ['restart']), 'make prod-up', { cwd: ROOT, env });
    await waitHealthy(settings, Number(flags.timeout) * 1000);
    sayOk(`Restarted, all healthy in ${formatDuration(Date.now() - startedAt)}`);
  },
});
