import { DescribedError } from './lib/process/errors.ts';
import { lockStack } from './lib/process/lock.ts';
import { ROOT } from './lib/process/root.ts';
import { $, must } from './lib/process/shell.ts';
import { stopLeftovers } from './lib/release/leftovers.ts';
import { composeEnv } from './lib/stack/compose-env.ts';
import { listStack } from './lib/stack/containers.ts';
import { openStack } from './lib/stack/open.ts';
import { assertDockerReady } from './lib/stack/preflight.ts';
import { composeArgv, type Mode, volumeName } from './lib/stack/stack.ts';
import { main } from './lib/terminal/cli.ts';
import { sayOk } from './lib/terminal/report.ts';

const USAGE = `
Stops the stack and removes its containers and its own network. The data stay: no flag of this command removes a volume.

  make prod-down                  production
  make prod-test-down             test mode
  npx tsx scripts/down.ts [--test]`;

main(import.meta.url, {
  usage: USAGE,
  options: { test: { type: 'boolean' } },
  async run(flags) {
    const settings = await openStack();
    const mode: Mode = flags.test ? 'test' : 'production';
    const command = mode === 'test' ? 'make prod-test-down' : 'make prod-down';
    await assertDockerReady();
    lockStack(settings.prefix, command);
    const containers = await listStack(settings);
    const other = containers.find((container) => container.mode && container.mode !== mode)?.mode;
    if (other) {
      const right = other === 'test' ? 'make prod-test-down' : 'make prod-down';
      throw new DescribedError(`${settings.prefix} is up in ${other} mode, not in ${mode} mode`, right);
    }
    await stopLeftovers(settings);
    const compose = $({ cwd: ROOT, env: composeEnv(mode, settings) });
    await must(compose`${composeArgv(mode, settings, ['down'])}`, command);
    const data = `data kept in the volume ${volumeName(settings)}`;
    sayOk(containers.length === 0 ? `Nothing was up; ${data}` : `${settings.prefix} is down; ${data}`);
  },
});
