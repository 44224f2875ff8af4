import { type ContainerInfo, inspectContainers, listContainers } from '../docker/containers.ts';
import { openPipe } from '../process/shell.ts';
import { containerName, SERVICES, type StackSettings } from './stack.ts';

/** The containers of a stack's services by their fixed names: one call where `listStack` takes two. */
export async function inspectStack(settings: StackSettings): Promise<ContainerInfo[]> {
  const containers = await inspectContainers(SERVICES.map((service) => containerName(settings, service)));
  return sortByName(containers.filter(({ project }) => project === settings.prefix));
}

function sortByName(containers: readonly ContainerInfo[]): ContainerInfo[] {
  return containers.toSorted((a, b) => a.name.localeCompare(b.name));
}

/**
 * Tells at once when a container of a stack becomes healthy or unhealthy.
 * @returns ends it
 */
export function followHealth(settings: StackSettings, onChange: () => void): () => void {
  const filters = [`label=com.docker.compose.project=${settings.prefix}`, 'event=health_status'];
  const argv = ['docker', 'events', ...filters.flatMap((filter) => ['--filter', filter])];
  const events = openPipe([...argv, '--format', '{{.Action}}']);
  events.stdin.end();
  events.stdout.on('data', onChange);
  return () => events.kill();
}

/** The containers of a stack, in the order of their names; not those that stand in for one during an update. */
export async function listStack(settings: StackSettings): Promise<ContainerInfo[]> {
  return (await listProject(settings)).proper;
}

/** The containers of a stack, and those beside them that are there while an update goes on, or that a broken one left. */
export async function listProject(
  settings: StackSettings,
): Promise<{ proper: ContainerInfo[]; beside: ContainerInfo[] }> {
  const all = sortByName(await listContainers(`label=com.docker.compose.project=${settings.prefix}`));
  const isBeside = ({ labels }: ContainerInfo) => labels['com.docker.compose.oneoff'] === 'True';
  return { proper: all.filter((one) => !isBeside(one)), beside: all.filter(isBeside) };
}
