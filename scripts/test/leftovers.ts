import { DescribedError } from '../lib/process/errors.ts';
import { mustRun } from '../lib/process/shell.ts';
import { main } from '../lib/terminal/cli.ts';
import { sayOk } from '../lib/terminal/report.ts';
import { TEST_PREFIX } from './e2e/harness.ts';

const USAGE = `
Looks whether tests left containers, networks, volumes or images behind; exit 1 with their names. The last step of make test.

  npx tsx scripts/test/leftovers.ts`;

const LISTS: Readonly<Record<string, readonly string[]>> = {
  container: ['ps', '-a', '--format', '{{.Names}}'],
  network: ['network', 'ls', '--format', '{{.Name}}'],
  volume: ['volume', 'ls', '--format', '{{.Name}}'],
  image: ['image', 'ls', '--format', '{{.Repository}}:{{.Tag}}'],
};

main(import.meta.url, {
  usage: USAGE,
  options: {},
  async run() {
    const left = await Promise.all(
      Object.entries(LISTS).map(async ([kind, argv]) => {
        const names = (await mustRun(['docker', ...argv], 'make host-setup')).split('\n');
        return names.filter((name) => name.startsWith(`${TEST_PREFIX}-`)).map((name) => `${kind} ${name}`);
      }),
    );
    if (left.flat().length > 0)
      throw new DescribedError(`Tests left behind: ${left.flat().join(', ')}`, 'docker rm -f -v, docker rmi');
    sayOk('The tests left nothing behind');
  },
});
