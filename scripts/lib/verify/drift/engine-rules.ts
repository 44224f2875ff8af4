import { compareFlat, flatten } from './record-rules.ts';

/** A record of `docker inspect`, whole. */
export type Inspected = Readonly<Record<string, unknown>>;

/** What differs between a container that runs and one that Compose has just made of the same files, each with its reason. */
const CONTAINER_VARIES: readonly (readonly [RegExp, string])[] = [
  [/^(Id|Created|State|RestartCount|ExecIDs)(\.|$)/, 'its life, not what it is'],
  [/^(ResolvConf|Hostname|Hosts|Log)Path$/, 'made at its start, named by its id'],
  [/^(AppArmorProfile|MountLabel|ProcessLabel)$/, 'given at its start; what they say is looked at inside'],
  [
    /^(GraphDriver|Storage|ImageManifestDescriptor)(\.|$)/,
    'folders named by its id; the image is compared by its own',
  ],
  [/^NetworkSettings\.(Sandbox(ID|Key)|Ports)(\.|$)/, 'made at its start, from HostConfig.PortBindings'],
  [
    /^NetworkSettings\.[A-Z]\w*(Address|PrefixLen|Gateway|EndpointID)$/,
    'addresses on the default bridge: compared by Networks',
  ],
  [
    /^NetworkSettings\.Networks\..*\.(MacAddress|NetworkID|EndpointID|Gateway|IPAddress|IPPrefixLen|IPv6Gateway|GlobalIPv6\w+|DNSNames)$/,
    'addresses; the names it answers to are its Aliases',
  ],
  [
    /^Config\.Labels\.com\.docker\.compose\.(config-hash|project\.(config_files|environment_file)|replace|version|depends_on)$/,
    'Compose’s own notes',
  ],
];

/** The same for networks and volumes. */
const OBJECT_VARIES: readonly (readonly [RegExp, string])[] = [
  [
    /^(Id|Created|CreatedAt|Name|Mountpoint|UsageData|Status)(\.|$)/,
    'its name, and where and since when it is',
  ],
  [/^(Containers|Peers|Services)(\.|$)/, 'who is on it: compared on its own'],
  [/^IPAM\.Config$/, 'the engine chooses a free range'],
  [/^Labels\.com\.docker\.compose\.(config-hash|version)$/, 'Compose’s own notes'],
];

const matches = (list: readonly (readonly [RegExp, string])[]) => (path: string) =>
  list.some(([pattern]) => pattern.test(path));

/** What is added to every name of the reference, so that it meets nothing of the stack's. */
export const REFERENCE = '-reference';

/**
 * Compares a container with its reference.
 * @param networks names by id: a container that was never started knows some networks by id
 */
export function compareContainer(
  reference: Inspected,
  running: Inspected,
  networks: ReadonlyMap<string, string>,
): string[] {
  const own = (record: Inspected) => flatten(neutral(record, networks));
  return compareFlat(own(reference), own(running), matches(CONTAINER_VARIES));
}

/** Compares a network or a volume with its reference. */
export function compareObject(reference: Inspected, found: Inspected): string[] {
  const own = (record: Inspected) => flatten(neutral(record, new Map()));
  return compareFlat(own(reference), own(found), matches(OBJECT_VARIES));
}

/** A record without its own id, the marks of a reference, and ids of networks. */
function neutral(record: Inspected, networks: ReadonlyMap<string, string>): unknown {
  const id = typeof record.Id === 'string' ? record.Id : '';
  let text = JSON.stringify(record).replaceAll(REFERENCE, '');
  for (const [network, name] of networks) text = text.replaceAll(network, name.replaceAll(REFERENCE, ''));
  if (id) text = text.replaceAll(id, '(id)').replaceAll(id.slice(0, 12), '(id)');
  return JSON.parse(text) as unknown;
}

/**
 * The file that turns the stack's compose files into a reference: other names for whatever this project makes, and nothing else.
 * @param model what `docker compose config --format json` says
 */
export function renameForReference(model: ComposeModel): unknown {
  const own = (group: ComposeModel['networks']) =>
    Object.fromEntries(
      Object.entries(group ?? {})
        .filter(([, { external }]) => !external)
        .map(([key, { name }]) => [key, { name: `${name}${REFERENCE}` }]),
    );
  const services = Object.entries(model.services).map(([key, { container_name }]) => [
    key,
    { container_name: `${container_name}${REFERENCE}` },
  ]);
  return {
    services: Object.fromEntries(services),
    networks: own(model.networks),
    volumes: own(model.volumes),
  };
}

/** The part of Compose's model that is read here. */
export interface ComposeModel {
  services: Readonly<Record<string, ComposeService>>;
  networks?: Readonly<Record<string, { name: string; external?: boolean }>>;
  volumes?: Readonly<Record<string, { name: string; external?: boolean }>>;
}

interface ComposeService {
  container_name: string;
  image: string;
  environment?: Readonly<Record<string, string | null>>;
}

/** The names of what this project makes itself. */
export function ownNames(group: ComposeModel['networks']): string[] {
  return Object.values(group ?? {})
    .filter(({ external }) => !external)
    .map(({ name }) => name);
}
