import { listContainers } from './lib/docker/containers.ts';
import { objectExists } from './lib/docker/inspect.ts';
import { DescribedError, Exit } from './lib/process/errors.ts';
import { $, must } from './lib/process/shell.ts';
import { assertDockerReady, assertNetworkExists } from './lib/stack/preflight.ts';
import { loadSettings } from './lib/stack/project.ts';
import { main } from './lib/terminal/cli.ts';
import { formatTable, paint, say, sayOk } from './lib/terminal/report.ts';

const USAGE = `
Makes, or looks at, the network that Nginx Proxy Manager and the apps behind it share.

  make npm-network-create
  make npm-network-check          who is on it, and which names they answer to
  npx tsx scripts/npm-network.ts create|check`;

async function createNetwork(name: string): Promise<void> {
  if (await objectExists('network', name)) return sayOk(`The network ${name} is there already`);
  await must($`docker network create ${name}`, 'see what Docker says');
  sayOk(`The network ${name} is made; connect the proxy to it: docker network connect ${name} CONTAINER`);
}

async function checkNetwork(name: string): Promise<void> {
  const members = await listContainers(`network=${name}`);
  sayOk(`The network ${name} is there, with ${members.length} container${members.length === 1 ? '' : 's'}`);
  if (members.length === 0) return;
  const rows = members.map((member) => [
    member.name,
    member.project || '-',
    member.state,
    (member.names[name] ?? []).join(', '),
  ]);
  say(
    formatTable([
      ['CONTAINER', 'PROJECT', 'STATE', 'ANSWERS TO'].map((head) => paint('bold', head)),
      ...rows,
    ]),
  );
}

main(import.meta.url, {
  usage: USAGE,
  options: {},
  maxPositionals: 1,
  async run(_flags, [action]) {
    const settings = loadSettings();
    if (action !== 'create' && action !== 'check') {
      throw new DescribedError('Say create or check', 'see --help', Exit.usage);
    }
    await assertDockerReady();
    if (action === 'create') return createNetwork(settings.network);
    await assertNetworkExists(settings);
    await checkNetwork(settings.network);
  },
});
