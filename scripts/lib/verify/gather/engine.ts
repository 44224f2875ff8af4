import { readlinkSync } from 'node:fs';
import { listIds } from '../../docker/containers.ts';
import {
  bareName,
  type InspectedContainer,
  type InspectedImage,
  inspect,
  listPorts,
  namesOn,
} from '../../docker/inspect.ts';
import { DescribedError } from '../../process/errors.ts';
import { run } from '../../process/shell.ts';
import { containerName, SERVICES, type StackSettings, shortName } from '../../stack/stack.ts';
import type { ContainerFacts, HostFacts, ImageFacts, NetworkFacts } from '../facts.ts';

/**
 * Asks the engine for the containers of the stack.
 * @throws DescribedError when there are none
 */
export async function inspectProject(settings: StackSettings, mode: string): Promise<InspectedContainer[]> {
  const raw = await inspect(
    'container',
    await listIds(`label=com.docker.compose.project=${settings.prefix}`),
  );
  const other = mode === 'test' ? 'production' : 'test';
  const command = mode === 'test' ? 'make prod-test-up' : 'make prod-up';
  if (raw.length === 0) throw new DescribedError(`${settings.prefix} is not up`, command);
  if (raw.every(({ Config }) => Config.Labels?.environment === other)) {
    const right = other === 'test' ? 'make prod-test-verify' : 'make prod-verify';
    throw new DescribedError(`${settings.prefix} is up in ${other} mode`, right);
  }
  return raw.sort((a, b) => a.Name.localeCompare(b.Name));
}

/** A container as the checks know it; what is inside is added by whoever asks it. */
export function toContainerFacts(raw: InspectedContainer, settings: StackSettings): ContainerFacts {
  const { Config, HostConfig, State, NetworkSettings } = raw;
  return {
    name: bareName(raw),
    service: serviceOf(raw, settings),
    state: State.Status,
    health: State.Health?.Status ?? 'none',
    hasHealthCheck: (Config.Healthcheck?.Test ?? []).some((word) => word !== 'NONE'),
    probe: (Config.Healthcheck?.Test ?? []).slice(1),
    imageName: Config.Image,
    imageId: raw.Image,
    env: pickEnv(Config.Env ?? []),
    privileged: HostConfig.Privileged,
    readOnlyRoot: HostConfig.ReadonlyRootfs,
    securityOptions: HostConfig.SecurityOpt ?? [],
    appArmorProfile: raw.AppArmorProfile,
    pidMode: HostConfig.PidMode,
    ipcMode: HostConfig.IpcMode,
    utsMode: HostConfig.UTSMode,
    usernsMode: HostConfig.UsernsMode,
    networkMode: HostConfig.NetworkMode,
    cgroupMode: HostConfig.CgroupnsMode,
    devices: [
      ...(HostConfig.Devices ?? []).map(({ PathOnHost }) => PathOnHost),
      ...(HostConfig.DeviceRequests ?? []).map(({ Driver }) => `request of ${Driver || 'a device'}`),
      ...(HostConfig.DeviceCgroupRules ?? []),
    ],
    mounts: raw.Mounts.map(({ Type, Name, Source, Destination, RW, Propagation }) => ({
      ...{ type: Type, source: Type === 'volume' ? (Name ?? Source) : Source },
      ...{ target: Destination, writable: RW, propagation: Propagation },
    })),
    restart: HostConfig.RestartPolicy.Name,
    init: HostConfig.Init === true,
    logDriver: HostConfig.LogConfig.Type,
    logOptions: HostConfig.LogConfig.Config ?? {},
    ports: listPorts(raw),
    networks: Object.entries(NetworkSettings.Networks).map(([name, end]) => ({
      name,
      address: end.IPAddress,
      address6: end.GlobalIPv6Address ? `[${end.GlobalIPv6Address}]` : '',
      fixed: Boolean(end.IPAMConfig?.IPv4Address || end.IPAMConfig?.IPv6Address),
      names: namesOn(raw, name),
    })),
    extraHosts: HostConfig.ExtraHosts ?? [],
    inside: null,
  };
}

/** By the fixed name, as every command finds it: keys of services have changed, and a label is anybody's word. */
function serviceOf(raw: InspectedContainer, settings: StackSettings): string {
  const service = SERVICES.find((one) => containerName(settings, one) === bareName(raw));
  return service ? shortName(service) : '';
}

/** Settings that checks need; a list of what may be kept, so that no secret is. */
function pickEnv(env: readonly string[]): Record<string, string> {
  const kept = /^(POSTGRES_DB|APP_USER|API_V1_STR|PGPOOL_MAX)=(.*)$/s;
  return Object.fromEntries(
    env.flatMap((text) => {
      const match = kept.exec(text);
      return match ? [[match[1] ?? '', match[2] ?? '']] : [];
    }),
  );
}

/** The networks that the stack's containers are on, and the gateways of the internal one. */
export async function inspectNetworks(
  names: readonly string[],
  settings: StackSettings,
): Promise<{ networks: NetworkFacts[]; gateways: string[]; nameOf: (key: string) => string }> {
  const raw = await inspect('network', names);
  const ids = new Set(raw.flatMap(({ Containers }) => Object.keys(Containers ?? {})));
  const members = await inspect('container', [...ids]);
  const networks = raw.map(({ Name, Internal }) => ({
    name: Name,
    internal: Internal,
    members: members
      .filter(({ NetworkSettings }) => NetworkSettings.Networks[Name])
      .map((one) => ({
        container: bareName(one),
        project: one.Config.Labels?.['com.docker.compose.project'] ?? '',
        names: namesOn(one, Name),
      })),
  }));
  const internal = raw.find(({ Name }) => Name === `${settings.prefix}-internal`);
  // A container that was made and not yet started knows its networks by id.
  const nameOf = (key: string) => raw.find(({ Id }) => Id === key)?.Name ?? key;
  const gateways = (internal?.IPAM.Config ?? []).flatMap(({ Gateway }) => (Gateway ? [Gateway] : []));
  return { networks, gateways, nameOf };
}

/** The images that run, what their names mean now, and their bases. */
export async function inspectImages(containers: readonly ContainerFacts[]): Promise<ImageFacts[]> {
  const own = containers.filter(({ service }) => service !== '');
  const running = await inspectEach(own.map(({ imageId }) => imageId));
  const bases = own.map(
    ({ imageId }) => running.get(imageId)?.Config?.Labels?.['org.opencontainers.image.base.name'] ?? '',
  );
  const named = await inspectEach([...own.map(({ imageName }) => imageName), ...bases.filter(Boolean)]);
  const made = new Map(
    await Promise.all(bases.map(async (base) => [base, await readNewestLayer(named.get(base))] as const)),
  );
  return own.map(({ service, imageName, imageId }, index) => {
    const { User = '', Labels } = running.get(imageId)?.Config ?? {};
    return {
      service,
      name: imageName,
      id: imageId,
      namedId: named.get(imageName)?.Id ?? '',
      user: User,
      revision: Labels?.['org.opencontainers.image.revision'] ?? '',
      baseName: bases[index] ?? '',
      baseCreated: made.get(bases[index] ?? '') ?? '',
    };
  });
}

/**
 * When the newest layer of a base was made, ISO: an official image calls itself as old as the last change of its Dockerfile
 * (SOURCE_DATE_EPOCH), though Debian's layer below is of the last rebuild.
 */
async function readNewestLayer(base: InspectedImage | undefined): Promise<string> {
  if (!base) return '';
  const argv = ['docker', 'history', '--human=false', '--format', '{{.CreatedAt}}', base.Id];
  const layers = (await run(argv)).stdout.split('\n');
  const label = base.Config.Labels?.['org.opencontainers.image.created'] ?? '';
  return newestDate([label, base.Created, ...layers]);
}

/** The latest of several dates, ISO; what is none is passed over. */
export function newestDate(texts: readonly string[]): string {
  const times = texts.map((text) => Date.parse(text)).filter((time) => !Number.isNaN(time));
  return times.length === 0 ? '' : new Date(Math.max(...times)).toISOString();
}

async function inspectEach(names: readonly string[]): Promise<Map<string, InspectedImage>> {
  const unique = [...new Set(names)];
  const found = await Promise.all(
    unique.map(async (name) => [name, (await inspect('image', [name]))[0]] as const),
  );
  return new Map(found.flatMap(([name, image]) => (image ? [[name, image] as const] : [])));
}

/** What the engine and the kernel offer. */
export async function inspectHost(): Promise<HostFacts> {
  const format = '{{json .SecurityOptions}}\n{{.CgroupVersion}}\n{{.CgroupDriver}}\n{{.ServerVersion}}';
  const [options = '[]', cgroupVersion = '', cgroupDriver = '', engine = ''] = (
    await run(['docker', 'info', '--format', format])
  ).stdout.split('\n');
  const kinds = ['pid', 'net', 'ipc', 'uts', 'cgroup'];
  return {
    engine,
    cgroupVersion,
    cgroupDriver,
    security: (JSON.parse(options || '[]') as string[]).map(
      (text) => /name=([a-z]+)/.exec(text)?.[1] ?? text,
    ),
    namespaces: Object.fromEntries(kinds.map((kind) => [kind, readOwnNamespace(kind)])),
  };
}

function readOwnNamespace(kind: string): string {
  try {
    return readlinkSync(`/proc/self/ns/${kind}`);
  } catch {
    return '';
  }
}
