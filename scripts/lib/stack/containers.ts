import { type ContainerInfo, inspectContainers, listContainers } from '../docker/containers.ts';
import { openPipe } from '../process/shell.ts';
import { containerName, SERVICES, type Service, type StackSettings } from './stack.ts';

/** What there is of a stack. */
export interface ProjectContainers {
  /** The containers of its services, by their fixed names. */
  services: ContainerInfo[];
  /** One-off containers of Compose: they stand in for a service's own during an update, or a broken one left them. */
  oneOffs: ContainerInfo[];
  /** Containers of a service under another name: renamed by hand, or left by a `docker compose up` that was broken off. */
  strays: ContainerInfo[];
  /** Those that an update has replaced, or is about to: they keep their address for some seconds and go by themselves. */
  former: ContainerInfo[];
}

/** The name of a container that has given its own one to the container after it. */
export function formerName(settings: StackSettings, service: Service, id: string): string {
  return `${containerName(settings, service)}-former-${id.slice(0, 6)}`;
}

/** The containers of a stack's services by their fixed names: one call where `listStack` takes two. */
export async function inspectStack(settings: StackSettings): Promise<ContainerInfo[]> {
  const containers = await inspectContainers(SERVICES.map((service) => containerName(settings, service)));
  return sortByName(
    nameServices(
      settings,
      containers.filter(({ project }) => project === settings.prefix),
    ),
  );
}

/** A container is of the service whose name it has, whatever key an older version of the compose files had for it. */
function nameServices(settings: StackSettings, containers: readonly ContainerInfo[]): ContainerInfo[] {
  return containers.flatMap((container) => {
    const service = SERVICES.find((one) => containerName(settings, one) === container.name);
    return service ? [{ ...container, service }] : [];
  });
}

/** Whether the compose files of an older version of this kit made a container, which had another key for its service. */
export function isOfOlderKit({ labels, service }: ContainerInfo): boolean {
  return labels['com.docker.compose.service'] !== service;
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

/** The containers of a stack's services, in the order of their names. */
export async function listStack(settings: StackSettings): Promise<ContainerInfo[]> {
  return (await listProject(settings)).services;
}

/** All that Compose counts to a stack. */
export async function listProject(settings: StackSettings): Promise<ProjectContainers> {
  const all = sortByName(await listContainers(`label=com.docker.compose.project=${settings.prefix}`));
  const isOneOff = ({ labels }: ContainerInfo) => labels['com.docker.compose.oneoff'] === 'True';
  const services = nameServices(
    settings,
    all.filter((one) => !isOneOff(one)),
  );
  const isFormer = ({ id, name }: ContainerInfo) =>
    SERVICES.some((service) => formerName(settings, service, id) === name);
  const isStray = (one: ContainerInfo) =>
    !isOneOff(one) &&
    !isFormer(one) &&
    SERVICES.some((service) => service === one.service) &&
    !services.some(({ id }) => id === one.id);
  return {
    services,
    oneOffs: all.filter(isOneOff),
    strays: all.filter(isStray),
    former: all.filter(isFormer),
  };
}
