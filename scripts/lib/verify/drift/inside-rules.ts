import type { InsideFacts } from '../facts.ts';

/** What the engine's record of a container asks the kernel for. */
export interface Asked {
  HostConfig: {
    Memory: number;
    NanoCpus: number;
    PidsLimit: number | null;
    Ulimits: readonly { Name: string; Soft: number; Hard: number }[] | null;
    Tmpfs: Readonly<Record<string, string>> | null;
  };
  Mounts: readonly { Destination: string }[];
}

/** Compares what the kernel limits a container to with what its compose file asks for. */
export function findLimitDrift({ HostConfig }: Asked, inside: InsideFacts): string[] {
  const soft = (name: string) => HostConfig.Ulimits?.find(({ Name }) => Name === name)?.Soft;
  const pairs: [string, number | null | undefined, number | null][] = [
    ['memory', HostConfig.Memory || undefined, inside.memory],
    ['CPUs', HostConfig.NanoCpus / 1e9 || undefined, inside.cpus],
    ['processes', HostConfig.PidsLimit || undefined, inside.pids],
    ['open files', soft('nofile'), inside.openFiles],
    ['core size', soft('core'), inside.coreBytes],
  ];
  return pairs.flatMap(([name, asked, found]) =>
    asked === undefined || asked === found ? [] : [`${name}: ${found ?? 'no limit'}, not ${asked}`],
  );
}

/** What the engine mounts in every container. */
const ENGINES =
  /^\/(proc|sys|dev)(\/|$)|^\/$|^\/etc\/(hosts|hostname|resolv\.conf)$|^(\/usr)?\/sbin\/docker-init$/;

/** Finds what is mounted in a container beside what its compose file says. */
export function findMountDrift({ HostConfig, Mounts }: Asked, inside: InsideFacts): string[] {
  const asked = new Set([
    ...Mounts.map(({ Destination }) => Destination),
    ...Object.keys(HostConfig.Tmpfs ?? {}),
  ]);
  // Debian's /bin, /sbin, /lib and /var/run are links: the kernel names what they lead to.
  const extra = inside.mountPoints.filter((path) => !ENGINES.test(path) && !asked.has(path));
  const missing = [...asked].filter((path) => !inside.mountPoints.includes(path));
  return [
    ...extra.map((path) => `something is mounted at ${path}`),
    ...missing.map((path) => `nothing is mounted at ${path}`),
  ];
}
