import type { SignatureFacts } from '../registry/check-signed.ts';
import type { EnvProblem } from '../stack/env-text-rules.ts';
import type { Mode } from '../stack/stack.ts';

/**
 * What was found on the running stack. Read once (gather/), then judged by the checks, which are pure; holds no secret.
 * A part is null where it could not be asked.
 */
export interface Facts {
  stack: { prefix: string; mode: Mode; network: string };
  /** ISO time of the look. */
  now: string;
  host: HostFacts;
  containers: ContainerFacts[];
  networks: NetworkFacts[];
  /** Names of the volumes that the stack's containers use. */
  volumes: string[];
  reach: ReachFacts;
  secrets: SecretFacts;
  http: HttpFacts | null;
  images: ImageFacts[];
  /** Of the images that run; null where no key is set. */
  signatures: SignatureFacts[] | null;
  scan: ScanFacts | null;
  database: DatabaseFacts | null;
  drift: DriftFacts;
}

/** What is compared as a whole with what ought to be, part by part; null where it was not. */
export type DriftFacts = Record<DriftPart, Compared | null>;

export const DRIFT_PARTS = [
  'containers',
  'networks',
  'images',
  'neighbours',
  'processes',
  'limits',
  'mounts',
  'database',
  'settings',
] as const;
export type DriftPart = (typeof DRIFT_PARTS)[number];

/** A comparison: with what, and each difference as a line; it holds no secret. */
export interface Compared {
  what: string;
  differences: string[];
}

export interface HostFacts {
  engine: string;
  cgroupVersion: string;
  /** cgroupfs or systemd; none where the engine may set no limits. */
  cgroupDriver: string;
  /** Names of the engine's security options: seccomp, apparmor, selinux, rootless, userns, cgroupns. */
  security: string[];
  /** This process's own namespaces, by kind; none where the engine runs elsewhere. */
  namespaces: Record<string, string>;
}

export interface ContainerFacts {
  name: string;
  /** backend, frontend, postgres; empty for a container of the project that is none of them. */
  service: string;
  state: string;
  health: string;
  hasHealthCheck: boolean;
  /** The command of its health check, word by word, without CMD. */
  probe: string[];
  imageName: string;
  imageId: string;
  /** NAME=VALUE settings that are no secret, such as POSTGRES_DB. */
  env: Record<string, string>;
  privileged: boolean;
  readOnlyRoot: boolean;
  securityOptions: string[];
  appArmorProfile: string;
  pidMode: string;
  ipcMode: string;
  utsMode: string;
  usernsMode: string;
  networkMode: string;
  cgroupMode: string;
  /** Devices, device requests and device cgroup rules, as text. */
  devices: string[];
  mounts: MountFacts[];
  restart: string;
  init: boolean;
  logDriver: string;
  logOptions: Record<string, string>;
  /** Published ports, such as 127.0.0.1:8080->80/tcp. */
  ports: string[];
  /** Addresses: IPv6 in brackets; empty where the network has none. */
  networks: { name: string; address: string; address6: string; fixed: boolean; names: string[] }[];
  extraHosts: string[];
  inside: InsideFacts | null;
}

interface MountFacts {
  type: string;
  source: string;
  target: string;
  writable: boolean;
  propagation: string;
}

/** What /proc and the kernel's files say inside a container. */
export interface InsideFacts {
  /** The container's first process and what comes from it. */
  processes: ProcessFacts[];
  /** What `docker exec` started, but for this look itself. */
  others: ProcessFacts[];
  /** Namespaces of a process of the container, by kind: pid -> pid:[4026532418]. */
  namespaces: Record<string, string>;
  /** Label of AppArmor or SELinux; empty without either. */
  label: string;
  /** What a write below / was answered; empty when it succeeded. */
  rootWrite: string;
  tmpfs: { path: string; options: string[] }[];
  /** Where anything is mounted. */
  mountPoints: string[];
  /** Bytes, CPUs and processes as the cgroup has them; null means no limit. */
  memory: number | null;
  cpus: number | null;
  pids: number | null;
  /** Soft limits of process 1; null means no limit. */
  openFiles: number | null;
  coreBytes: number | null;
  /** Shells and package managers that are there. */
  tools: string[];
  /** Addresses that something listens on over TCP: 0.0.0.0:80. */
  listeners: string[];
  hasDefaultRoute: boolean;
}

export interface ProcessFacts {
  pid: number;
  parent: number;
  name: string;
  /** The file that it runs; empty where the kernel does not tell, as of another user's. */
  program: string;
  /** Whether it is the container's health probe, or comes from it. */
  isProbe: boolean;
  /** Since when it runs. */
  seconds: number;
  state: string;
  /** Real, effective, saved and file-system uid. */
  uids: number[];
  capabilities: Record<CapabilitySet, string>;
  noNewPrivileges: boolean;
  /** 0 none, 1 strict, 2 filter. */
  seccomp: number;
}

export const CAPABILITY_SETS = ['effective', 'permitted', 'inheritable', 'bounding', 'ambient'] as const;
export type CapabilitySet = (typeof CAPABILITY_SETS)[number];

export interface NetworkFacts {
  name: string;
  internal: boolean;
  /** Who is on it: container names. */
  members: { container: string; project: string; names: string[] }[];
}

/** Connections that were tried, each with its outcome: `open`, or why not (ECONNREFUSED, no answer); null where nobody tried. */
export interface ReachFacts {
  databaseFromBackend: string | null;
  databaseFromFrontend: Tries | null;
  databaseFromProxyNetwork: Tries | null;
  databaseFromHost: Tries;
  metricsFromProxyNetwork: Tries | null;
  outsideFromDatabase: string | null;
  hostFromDatabase: Tries | null;
}

/** Outcomes by host:port. */
export type Tries = Record<string, string>;

export interface SecretFacts {
  envFile: {
    name: string;
    /** Permission bits. */
    mode: number;
    git: 'ignored' | 'tracked' | 'not ignored' | 'outside';
    madeAt: string;
    problems: EnvProblem[];
    /** Weak secrets: key and why. */
    weak: EnvProblem[];
  };
  folder: { name: string; mode: number; files: { name: string; mode: number }[] } | null;
  /** Where a secret was seen, by kind of place: `POSTGRES_PASSWORD in kidney-genetics-backend`. */
  seen: Record<SecretPlace, string[]>;
  /** How much was searched, by kind of place. */
  searched: Record<SecretPlace, string>;
}

export const SECRET_PLACES = [
  'inspect',
  'history',
  'layers',
  'logs',
  'command lines',
  'environments',
] as const;
export type SecretPlace = (typeof SECRET_PLACES)[number];

export interface ImageFacts {
  service: string;
  name: string;
  /** The image that runs. */
  id: string;
  /** The image that the name means now. */
  namedId: string;
  user: string;
  revision: string;
  baseName: string;
  /** When the base was made, ISO; empty where the engine does not have it. */
  baseCreated: string;
}

/** What the last `make prod-scan` said. */
export interface ScanFacts {
  at: string;
  imageIds: string[];
  /** Findings from HIGH on without a valid exception: `CVE-… in openssl`. */
  high: string[];
  /** How vulnerabilities were looked for. */
  method: string;
  /** Whether every part could be asked. */
  complete: boolean;
  /** Components by image id in the bill of materials. */
  components: Record<string, number>;
}

export interface DatabaseFacts {
  /** Such as 170012. */
  version: number;
  checksums: string;
  passwordEncryption: string;
  maxConnections: number;
  reservedConnections: number;
  /** Most connections that one backend opens for requests; null where it does not say. */
  poolMax: number | null;
  durability: Record<string, string>;
  logging: Record<string, string>;
  rules: { line: number; type: string; users: string; address: string; method: string; error: string }[];
  roles: RoleFacts[];
  applicationRole: string;
  /** What everybody may do: CONNECT to the database, CREATE in its schema public. */
  publicRights: string[];
}

export interface RoleFacts {
  name: string;
  login: boolean;
  /** superuser, createdb, createrole, replication, bypassrls. */
  powers: string[];
  password: 'none' | 'scram' | 'md5' | 'other';
  /** Predefined and other roles it is a member of. */
  memberOf: string[];
}

/** An answer as it came over the wire. */
export interface Answer {
  status: number;
  headers: [name: string, value: string][];
  /** The body's first 2,000 characters. */
  body: string;
}

/** What came back for bytes that were sent as they are. */
export interface RawOutcome {
  /** The status of each answer on the connection. */
  statuses: number[];
  /** Whether the server closed the connection, and after how long. */
  closed: boolean;
  ms: number;
  /** The first characters that came, where one answer was 200. */
  body: string;
}

export const PAGES = ['page', 'asset', 'missing', 'method', 'api', 'apiError', 'health'] as const;
type PageName = (typeof PAGES)[number];

export interface HttpFacts {
  answers: Record<PageName, Answer>;
  overTls: Answer;
  foreignOrigin: Answer;
  preflight: Answer;
  raw: Record<string, RawOutcome>;
  webSocket: {
    /** Status of the opening request from a page of another origin. */
    foreign: number;
    own: number;
    /** After how long a ping came; null when none did within the time. */
    heartbeatMs: number | null;
  };
  revision: string;
}
