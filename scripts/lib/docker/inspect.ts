import { run } from '../process/shell.ts';

/** The fields of `docker container inspect` that are read anywhere in the kit. */
export interface InspectedContainer {
  Id: string;
  Name: string;
  /** The image's id; `Config.Image` is the name that it was started by. */
  Image: string;
  RestartCount: number;
  AppArmorProfile: string;
  State: {
    Status: string;
    Pid: number;
    StartedAt: string;
    FinishedAt: string;
    ExitCode: number;
    OOMKilled: boolean;
    Health?: { Status: string; Log: { Output: string }[] | null };
  };
  Config: {
    Image: string;
    Env: string[] | null;
    Labels: Record<string, string> | null;
    Healthcheck?: { Test: string[] | null };
  };
  HostConfig: {
    Memory: number;
    NanoCpus: number;
    Privileged: boolean;
    CapAdd: string[] | null;
    CapDrop: string[] | null;
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
        NetworkID: string;
        IPAddress: string;
        GlobalIPv6Address?: string;
        IPAMConfig: { IPv4Address?: string; IPv6Address?: string } | null;
        Aliases: string[] | null;
        DNSNames?: string[] | null;
      }
    >;
  };
}

/** The fields of `docker network inspect` that are read. */
interface InspectedNetwork {
  Id: string;
  Name: string;
  Internal: boolean;
  IPAM: { Config: { Subnet: string; Gateway?: string }[] | null };
  /** By container id; running ones only. */
  Containers: Record<string, { Name: string; IPv4Address: string }> | null;
}

/** The fields of `docker volume inspect` that are read. */
interface InspectedVolume {
  Name: string;
  Mountpoint: string;
  Labels: Record<string, string> | null;
}

/** The fields of `docker image inspect` that are read. */
export interface InspectedImage {
  Id: string;
  Created: string;
  Size: number;
  RepoTags: string[] | null;
  RootFS: { Layers: string[] };
  Config: {
    User?: string;
    Labels: Record<string, string> | null;
    Env: string[] | null;
    Cmd?: string[] | null;
    Entrypoint?: string[] | null;
    StopSignal?: string;
  };
}

interface Inspected {
  container: InspectedContainer;
  network: InspectedNetwork;
  volume: InspectedVolume;
  image: InspectedImage;
}

/**
 * Asks the engine for objects of one kind.
 * @param names names or ids; none gives nothing
 * @returns those that are there: one may go meanwhile, and the others are still of use
 */
export async function inspect<K extends keyof Inspected>(
  kind: K,
  names: readonly string[],
): Promise<Inspected[K][]> {
  if (names.length === 0) return [];
  const { stdout } = await run(['docker', kind, 'inspect', ...names]);
  return JSON.parse(stdout.trim() || '[]') as Inspected[K][];
}

/** Whether an object of the engine is there, or all of several. */
export async function objectExists(kind: keyof Inspected, ...names: readonly string[]): Promise<boolean> {
  return (await run(['docker', kind, 'inspect', ...names])).exitCode === 0;
}

/** The name of a container without the slash that the engine puts before it. */
export function bareName({ Name }: InspectedContainer): string {
  return Name.replace(/^\//, '');
}

/** Published ports, such as 127.0.0.1:8080->80/tcp. */
export function listPorts({ NetworkSettings }: InspectedContainer): string[] {
  return Object.entries(NetworkSettings.Ports ?? {}).flatMap(([inside, bindings]) =>
    (bindings ?? []).map(({ HostIp, HostPort }) => `${HostIp}:${HostPort}->${inside}`),
  );
}

/** What a container answers to on a network, without the short id that the engine adds. */
export function namesOn({ Id, NetworkSettings }: InspectedContainer, network: string): string[] {
  const { DNSNames, Aliases } = NetworkSettings.Networks[network] ?? {};
  return [...new Set([...(DNSNames ?? []), ...(Aliases ?? [])])].filter((name) => !Id.startsWith(name));
}
