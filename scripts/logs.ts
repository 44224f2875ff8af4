import { DescribedError, Exit } from './lib/process/errors.ts';
import { ROOT } from './lib/process/root.ts';
import { $ } from './lib/process/shell.ts';
import { composeEnv } from './lib/stack/compose-env.ts';
import { listStack } from './lib/stack/containers.ts';
import { openStack } from './lib/stack/open.ts';
import { assertDockerReady } from './lib/stack/preflight.ts';
import { composeArgv, SERVICES, shortName } from './lib/stack/stack.ts';
import { main } from './lib/terminal/cli.ts';

const USAGE = `
Shows the logs of the stack and follows them until Ctrl-C.

  make prod-logs
  npx tsx scripts/logs.ts [--tail LINES] [--no-follow] [SERVICE]

  --tail        how many past lines of each service; 100 unless said
  --no-follow   end after the past lines
  SERVICE       backend, frontend or postgres; all unless said`;

main(import.meta.url, {
  usage: USAGE,
  options: { tail: { type: 'string', default: '100' }, 'no-follow': { type: 'boolean' } },
  maxPositionals: 1,
  words: { SERVICE: '' },
  async run(flags, [service]) {
    const settings = await openStack();
    await assertDockerReady();
    const containers = await listStack(settings);
    const mode = containers[0]?.mode;
    if (!mode) throw new DescribedError(`${settings.prefix} is not up`, 'make prod-up');
    const wanted = SERVICES.find((name) => name === service || shortName(name) === service);
    if (service && !wanted) {
      throw new DescribedError(
        `No service is called ${service}`,
        `one of: ${SERVICES.join(', ')}, or ${SERVICES.map(shortName).join(', ')}`,
        Exit.usage,
      );
    }
    const follow = flags['no-follow'] ? [] : ['--follow'];
    const args = ['logs', '--tail', String(flags.tail), ...follow, ...(wanted ? [wanted] : [])];
    const compose = $({ cwd: ROOT, env: composeEnv(mode, settings), stdio: 'inherit', nothrow: true });
    const { ok } = await compose`${composeArgv(mode, settings, args)}`;
    if (!ok) process.exitCode = Exit.failed;
  },
});
