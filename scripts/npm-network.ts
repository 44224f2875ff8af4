import { listContainers } from './lib/docker/containers.ts';
import { inspect, objectExists } from './lib/docker/inspect.ts';
import { mustMake } from './lib/docker/make.ts';
import { listPowers } from './lib/docker/power-rules.ts';
import { beginChanges } from './lib/process/changes.ts';
import { DescribedError, Exit } from './lib/process/errors.ts';
import { warnOfNpmOfHost } from './lib/proxy/npm/warnings.ts';
import { findNameConflicts } from './lib/stack/network-rules.ts';
import { assertDockerReady, assertNetworkExists } from './lib/stack/preflight.ts';
import { loadSettings } from './lib/stack/project.ts';
import { containerName, PROXIED_SERVICES, type StackSettings } from './lib/stack/stack.ts';
import { main } from './lib/terminal/cli.ts';
import { formatTable, paint, say, sayOk, sayWarning } from './lib/terminal/report.ts';

const USAGE = `
Makes, or looks at, the network that Nginx Proxy Manager and the apps behind it share.

  make npm-network-create
  make npm-network-check          who is on it, which names they answer to, and what they may do to others there
  npx tsx scripts/npm-network.ts create|check`;

async function createNetwork(name: string): Promise<void> {
  if (await objectExists('network', name)) return sayOk(`The network ${name} is there already`);
  await mustMake(['docker', 'network', 'create', name], 'see what Docker says');
  sayOk(`The network ${name} is made; connect the proxy to it: docker network connect ${name} CONTAINER`);
}

async function checkNetwork(settings: StackSettings): Promise<void> {
  const { network: name, prefix } = settings;
  const members = await listContainers(`network=${name}`);
  sayOk(`The network ${name} is there, with ${members.length} container${members.length === 1 ? '' : 's'}`);
  await warnOfNpmOfHost(name);
  if (members.length === 0) return;
  const inspected = await inspect(
    'container',
    members.map(({ id }) => id),
  );
  const powers = new Map(inspected.map(({ Id, HostConfig }) => [Id, listPowers(HostConfig)]));
  const rows = members.map((member) => [
    member.name,
    member.project || '-',
    member.state,
    (member.names[name] ?? []).join(', '),
    (powers.get(member.id) ?? []).join('; ') || '-',
  ]);
  say(
    formatTable([
      ['CONTAINER', 'PROJECT', 'STATE', 'ANSWERS TO', 'MAY'].map((head) => paint('bold', head)),
      ...rows,
    ]),
  );
  const named = members.map(({ name: container, project, names }) => ({
    container,
    project,
    names: names[name] ?? [],
  }));
  const ours = PROXIED_SERVICES.flatMap((service) => [service, containerName(settings, service)]);
  for (const { container, name: taken } of findNameConflicts(named, ours, prefix))
    sayWarning(`${container} answers to ${taken}, which is a name of this stack: the proxy may ask either`);
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
    if (action === 'create') {
      beginChanges('npm-network');
      return createNetwork(settings.network);
    }
    await assertNetworkExists(settings);
    await checkNetwork(settings);
  },
});
