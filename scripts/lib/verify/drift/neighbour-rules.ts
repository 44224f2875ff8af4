/** What is read of any container of the host, ours or not. */
export interface Neighbour {
  Id: string;
  Name: string;
  Config: { Image: string; Labels: Readonly<Record<string, string>> | null };
  HostConfig: {
    NetworkMode: string;
    PidMode: string;
    IpcMode: string;
    VolumesFrom: readonly string[] | null;
    PortBindings: Readonly<Record<string, unknown>> | null;
    PublishAllPorts: boolean;
  };
  Mounts: readonly { Name?: string; Source: string }[];
  NetworkSettings: { Networks: Readonly<Record<string, { NetworkID: string }>> };
}

/** What is the stack's alone. */
export interface Own {
  prefix: string;
  /** The names of the services' containers. */
  containers: readonly string[];
  /** Containers of this very look. */
  probes: readonly string[];
  /** Networks that this project makes: names and ids. */
  networks: readonly string[];
  /** The network shared with the proxy and other apps: name and id. */
  shared: readonly string[];
  volumes: readonly string[];
  /** Folders on the host that hold the volumes and the secrets. */
  folders: readonly string[];
}

const PROXY = /nginx-proxy-manager|npm-?plus/i;

/**
 * Finds what other containers have of this stack: its networks, namespaces, data, name; and ways into the shared network that
 * are not the proxy.
 * @param all every container of the host, running or not
 * @returns one line each: `shop is on kidney-genetics-internal`
 */
export function findIntruders(all: readonly Neighbour[], own: Own): string[] {
  const nameOf = ({ Name }: Neighbour) => Name.replace(/^\//, '');
  const ours = all.filter((one) => own.containers.includes(nameOf(one)));
  const others = all.filter(
    (one) => !own.containers.includes(nameOf(one)) && !own.probes.includes(nameOf(one)),
  );
  return others.flatMap((one) => reasonsAgainst(one, ours, own).map((reason) => `${nameOf(one)} ${reason}`));
}

function reasonsAgainst(one: Neighbour, ours: readonly Neighbour[], own: Own): string[] {
  const { HostConfig, Config, Mounts } = one;
  const networks = Object.entries(one.NetworkSettings.Networks).flatMap(([name, { NetworkID }]) => [
    name,
    NetworkID,
  ]);
  const joins = (mode: string) =>
    ours.find(({ Id, Name }) => mode === `container:${Id}` || mode === `container:${Name.slice(1)}`);
  const joined = [HostConfig.NetworkMode, HostConfig.PidMode, HostConfig.IpcMode].find(joins);
  const from = (HostConfig.VolumesFrom ?? []).find((text) => joins(`container:${text.split(':')[0]}`));
  const mount = Mounts.find(
    ({ Name = '', Source }) =>
      own.volumes.includes(Name) ||
      own.folders.some((folder) => Source === folder || Source.startsWith(`${folder}/`)),
  );
  const publishes = HostConfig.PublishAllPorts || Object.keys(HostConfig.PortBindings ?? {}).length > 0;
  const network = own.networks.find((name) => networks.includes(name));
  return [
    network ? `is on ${network}` : '',
    joined ? `shares a namespace with ${joins(joined)?.Name.slice(1)}` : '',
    mount || from ? `mounts ${mount ? mount.Name || mount.Source : from}` : '',
    Config.Labels?.['com.docker.compose.project'] === own.prefix
      ? `says that it belongs to ${own.prefix}`
      : '',
    publishes && own.shared.some((name) => networks.includes(name)) && !PROXY.test(Config.Image)
      ? `is on the shared network and publishes ${Object.keys(HostConfig.PortBindings ?? {}).join(', ') || 'all ports'}: a way past the proxy`
      : '',
  ].filter(Boolean);
}
