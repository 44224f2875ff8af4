import { readlinkSync } from 'node:fs';
import { DescribedError } from '../../process/errors.ts';
import { run } from '../../process/shell.ts';
import { type Service, type StackSettings, shortName } from '../../stack/stack.ts';
import type { ContainerFacts, HostFacts, ImageFacts, NetworkFacts } from '../facts.ts';

/** The fields of `docker inspect` that are read. */
export interface RawContainer {
  Id: string;
  Name: string;
  Image: string;
  AppArmorProfile: string;
  State: { Status: string; Pid: number; Health?: { Status: string } };
  Config: {
    Image: string;
    Env: string[] | null;
    Labels: Record<string, string> | null;
    Healthcheck?: { Test: string[] | null };
  };
  HostConfig: {
    Privileged: boolean;
    ReadonlyRootfs: boolean;
    SecurityOpt: string[] | null;
    PidMode: string;
    IpcMode: string;
    UTSMode: string;
    UsernsMode: string;
    NetworkMode: string;
    CgroupnsMode: string;
    Devices: { PathOnHost: string }[] | null;
    DeviceRequests: { Driver: string }[] | null;
    DeviceCgroupRules: string[] | null;
    ExtraHosts: string[] | null;
    RestartPolicy: { Name: string };
    Init: boolean | null;
    LogConfig: { Type: string; Config: Record<string, string> | null };
  };
  Mounts: {
    Type: string;
    Name?: string;
    Source: string;
    Destination: string;
    RW: boolean;
    Propagation: string;
  }[];
  NetworkSettings: {
    Ports: Record<string, { HostIp: string; HostPort: string }[] | null> | null;
    Networks: Record<
      string,
      {
        IPAddress: string;
        IPAMConfig: { IPv4Address?: string; IPv6Address?: string } | null;
        Aliases: string[] | null;
        DNSNames?: string[] | null;
      }
    >;
  };
}

interface RawImage {
  Id: string;
  Created: string;
  RepoTags: string[] | null;
  Config: { User: string; Labels: Record<string, string> | null } | null;
}

interface RawNetwork {
  Id: string;
  Name: string;
  Internal: boolean;
  IPAM: { Config: { Gateway?: string }[] | null };
  Containers: Record<string, { Name: string }> | null;
}

const parseJson = <T>(text: string): T[] => JSON.parse(text.trim() || '[]') as T[];

/**
 * Asks the engine for the containers of the stack.
 * @throws DescribedError when there are none
 */
export async function inspectStack(settings: StackSettings, mode: string): Promise<RawContainer[]> {
  const filter = `label=com.docker.compose.project=${settings.prefix}`;
  const ids = (await run(['docker', 'ps', '-aq', '--no-trunc', '--filter', filter])).stdout
    .split('\n')
    .filter(Boolean);
  const raw =
    ids.length > 0 ? parseJson<RawContainer>((await run(['docker', 'inspect', ...ids])).stdout) : [];
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
export function toContainerFacts(raw: RawContainer): ContainerFacts {
  const { Config, HostConfig, State, NetworkSettings } = raw;
  return {
    name: raw.Name.replace(/^\//, ''),
    service: serviceOf(raw),
    state: State.Status,
    health: State.Health?.Status ?? 'none',
    hasHealthCheck: (Config.Healthcheck?.Test ?? []).some((word) => word !== 'NONE'),
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
    ports: Object.entries(NetworkSettings.Ports ?? {}).flatMap(([inside, bindings]) =>
      (bindings ?? []).map(({ HostIp, HostPort }) => `${HostIp}:${HostPort}->${inside}`),
    ),
    networks: Object.entries(NetworkSettings.Networks).map(([name, end]) => ({
      name,
      address: end.IPAddress,
      fixed: Boolean(end.IPAMConfig?.IPv4Address || end.IPAMConfig?.IPv6Address),
      names: [...new Set([...(end.DNSNames ?? []), ...(end.Aliases ?? [])])].filter(
        (one) => !raw.Id.startsWith(one),
      ),
    })),
    extraHosts: HostConfig.ExtraHosts ?? [],
    inside: null,
  };
}

function serviceOf({ Config }: RawContainer): string {
  const key = Config.Labels?.['com.docker.compose.service'] ?? '';
  return /^kidney-genetics-(backend|frontend|postgres)$/.test(key) ? shortName(key as Service) : '';
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
  const raw = parseJson<RawNetwork>((await run(['docker', 'network', 'inspect', ...names])).stdout);
  const ids = [...new Set(raw.flatMap(({ Containers }) => Object.keys(Containers ?? {})))];
  const members =
    ids.length > 0 ? parseJson<RawContainer>((await run(['docker', 'inspect', ...ids])).stdout) : [];
  const networks = raw.map(({ Name, Internal }) => ({
    name: Name,
    internal: Internal,
    members: members
      .filter(({ NetworkSettings }) => NetworkSettings.Networks[Name])
      .map((one) => ({
        container: one.Name.replace(/^\//, ''),
        project: one.Config.Labels?.['com.docker.compose.project'] ?? '',
        names: toContainerFacts(one).networks.find(({ name }) => name === Name)?.names ?? [],
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
  return own.map(({ service, imageName, imageId }, index) => {
    const { User = '', Labels } = running.get(imageId)?.Config ?? {};
    const base = named.get(bases[index] ?? '');
    return {
      service,
      name: imageName,
      id: imageId,
      namedId: named.get(imageName)?.Id ?? '',
      user: User,
      revision: Labels?.['org.opencontainers.image.revision'] ?? '',
      baseName: bases[index] ?? '',
      baseCreated: base ? (base.Config?.Labels?.['org.opencontainers.image.created'] ?? base.Created) : '',
    };
  });
}

async function inspectEach(names: readonly string[]): Promise<Map<string, RawImage>> {
  const unique = [...new Set(names)];
  const found = await Promise.all(
    unique.map(async (name) => {
      const { stdout, exitCode } = await run(['docker', 'image', 'inspect', name]);
      return exitCode === 0 ? ([name, parseJson<RawImage>(stdout)[0]] as const) : undefined;
    }),
  );
  return new Map(found.flatMap((pair) => (pair?.[1] ? [[pair[0], pair[1]] as const] : [])));
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
