import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type ContainerInfo, listContainers } from './lib/docker/containers.ts';
import { readEnvText } from './lib/stack/env-text-rules.ts';
import { assertDockerReady } from './lib/stack/preflight.ts';
import { SERVICES } from './lib/stack/stack.ts';
import { main } from './lib/terminal/cli.ts';
import { formatTable, paint, say } from './lib/terminal/report.ts';

const USAGE = `
Shows every stack of this kit on this host: its name, how it is, its domain, and the checkout that it runs from.

  make stack-list
  npx tsx scripts/stack-list.ts [--json]`;

interface Stack {
  name: string;
  mode: string;
  state: string;
  domain: string;
  checkout: string;
}

async function listStacks(): Promise<Stack[]> {
  const ofServices = SERVICES.map((service) => listContainers(`label=com.docker.compose.service=${service}`));
  const stacks = groupByProject((await Promise.all(ofServices)).flat());
  return [...stacks].map(([name, containers]) => describeStack(name, containers));
}

function groupByProject(containers: readonly ContainerInfo[]): Map<string, ContainerInfo[]> {
  const groups = new Map<string, ContainerInfo[]>();
  for (const one of containers) groups.set(one.project, [...(groups.get(one.project) ?? []), one]);
  return groups;
}

function describeStack(name: string, containers: readonly ContainerInfo[]): Stack {
  const folder = containers[0]?.labels['com.docker.compose.project.working_dir'] ?? '';
  const healthy = containers.filter(({ health }) => health === 'healthy').length;
  return {
    name,
    mode: containers.find(({ mode }) => mode)?.mode ?? '-',
    state: healthy >= SERVICES.length ? 'healthy' : `${healthy} of ${SERVICES.length} healthy`,
    domain: readDomain(dirname(folder)),
    checkout: existsSync(folder) ? dirname(folder) : `${dirname(folder)} (gone)`,
  };
}

/** Another user's env file cannot be read, and need not be. */
function readDomain(checkout: string): string {
  try {
    return readEnvText(readFileSync(join(checkout, '.env.production'), 'utf8')).values.DOMAIN || '-';
  } catch {
    return '-';
  }
}

main(import.meta.url, {
  usage: USAGE,
  options: { json: { type: 'boolean' } },
  async run(flags) {
    await assertDockerReady();
    const stacks = await listStacks();
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
