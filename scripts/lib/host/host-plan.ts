import { isAtLeast, MIN_COMPOSE, MIN_ENGINE } from '../docker/version.ts';
import { type AptSource, findDebianArchive, formatDeb822 } from './apt-sources.ts';

const MIN_NODE = '20.19';

/** Programs for releases in a registry: skopeo reads and names them, cosign signs and checks them. */
export type Tool = 'skopeo' | 'cosign';

/** What was found on the host. A version is undefined where the program is missing. */
export interface HostFacts {
  os: { id: string; like: string[]; codename: string; name: string };
  root: boolean;
  /** Started by systemd. */
  systemd: boolean;
  node: string;
  make: boolean;
  /** What this host's settings ask for beside Docker, and whether it is there. */
  tools: Readonly<Partial<Record<Tool, boolean>>>;
  client?: string;
  compose?: string;
  buildx?: string;
  /** The engine's program on this host. */
  dockerd?: { path: string; version: string };
  /** The engine's version, if it answers. */
  engine?: string;
  /** The engine's socket is there but closed to this user. */
  denied?: { user: string; inGroup: boolean };
  /** An engine elsewhere that DOCKER_HOST or a context of the client names. */
  elsewhere?: string;
  /** Docker's own packages (docker-ce) are installed instead of the distribution's. */
  dockerCe: boolean;
  /** An installation was cut off and dpkg says so. */
  dpkgInterrupted: boolean;
  sources: AptSource[];
}

export interface Check {
  name: string;
  found: string;
  needs: string;
  ok: boolean;
}

/** What to do, in order. */
export type Step =
  | { kind: 'write'; path: string; content: string }
  | { kind: 'run'; argv: readonly string[] }
  | { kind: 'start-engine'; by: 'systemd' | 'detached' };

/** Why host-setup cannot do it, and who or what can. */
export interface Refusal {
  cause: string;
  hint: string;
}

const BY_HAND =
  'install Docker Engine 25 or newer with Compose and buildx, then run this again: https://docs.docker.com/engine/install/';
const OLD_DEBIAN = /^(jessie|stretch|buster|bullseye|oldoldstable)$/;
const PIN_SOURCE = '/etc/apt/sources.list.d/kidney-genetics-docker.sources';
const PIN_PREFERENCES = '/etc/apt/preferences.d/kidney-genetics-docker';
/** As a regular expression it covers the security suite too, see apt.conf(5), APT::Default-Release. */
const PIN_RELEASE = '/^trixie(-security)?$/';

/** Reads /etc/os-release, see os-release(5). */
export function parseOsRelease(text: string): HostFacts['os'] {
  const values = new Map<string, string>();
  for (const [, key = '', value = ''] of text.matchAll(/^([A-Z_]+)=(.*)$/gm)) {
    values.set(key, value.trim().replace(/^(["'])(.*)\1$/, '$2'));
  }
  const id = values.get('ID') ?? 'linux';
  return {
    id,
    like: (values.get('ID_LIKE') ?? '').split(' ').filter(Boolean),
    codename: values.get('VERSION_CODENAME') ?? '',
    name: values.get('PRETTY_NAME') ?? id,
  };
}

/** Compares what was found with what the project needs. */
export function checkHost(facts: HostFacts): Check[] {
  const versioned = (name: string, found: string | undefined, needs: string): Check => ({
    name,
    found: found ?? 'missing',
    needs,
    ok: found !== undefined && isAtLeast(found, needs),
  });
  const present = (name: string, found: string | undefined): Check => ({
    name,
    found: found ?? 'missing',
    needs: 'any',
    ok: found !== undefined,
  });
  const silent = facts.denied ? 'closed to this user' : 'does not answer';
  return [
    versioned('Node', facts.node, MIN_NODE),
    present('make', facts.make ? 'there' : undefined),
    present('Docker client', facts.client),
    versioned('Docker Compose', facts.compose, MIN_COMPOSE),
    present('Docker buildx', facts.buildx),
    facts.engine === undefined && (facts.dockerd || facts.denied || facts.elsewhere)
      ? { name: 'Docker Engine', found: silent, needs: MIN_ENGINE, ok: false }
      : versioned('Docker Engine', facts.engine, MIN_ENGINE),
    ...Object.entries(facts.tools).map(([tool, there]) => present(tool, there ? 'there' : undefined)),
  ];
}

/**
 * Decides how to make a host ready.
 * @returns the steps, none where nothing is missing, or why this host is beyond them
 */
export function planHost(facts: HostFacts): Step[] | Refusal {
  const lacking = checkHost(facts).filter(({ ok }) => !ok);
  if (lacking.length === 0) return [];
  const refusal = refuse(facts, lacking);
  if (refusal) return refusal;
  const packages = listPackages(facts);
  if (isRefusal(packages)) return packages;
  const install = packages.length > 0 ? planInstall(facts, packages) : [];
  // A package that is installed under systemd starts the engine itself; asking for it again does no harm.
  const start: Step[] = facts.engine
    ? []
    : [{ kind: 'start-engine', by: facts.systemd ? 'systemd' : 'detached' }];
  return [...install, ...start];
}

/** Whether a plan is a refusal. */
export function isRefusal(plan: readonly unknown[] | Refusal): plan is Refusal {
  return !Array.isArray(plan);
}

function refuse(facts: HostFacts, lacking: readonly Check[]): Refusal | undefined {
  if (lacking.some(({ name }) => name === 'Node')) {
    return {
      cause: `Node ${facts.node} is older than ${MIN_NODE}`,
      hint: 'install a newer one: https://nodejs.org/en/download',
    };
  }
  if (facts.denied) {
    const hint = facts.denied.inGroup
      ? 'sign out and in again, or in this terminal: newgrp docker'
      : `sudo usermod -aG docker ${facts.denied.user}, then sign in again`;
    return { cause: `${facts.denied.user} may not use Docker's socket`, hint };
  }
  if (facts.elsewhere && facts.engine === undefined) {
    return {
      cause: `The Docker client is set to ${facts.elsewhere}, where no engine answers`,
      hint: 'start that one, or go back to this host: unset DOCKER_HOST DOCKER_CONTEXT; docker context use default',
    };
  }
  if (!facts.root) {
    const names = lacking.map(({ name, found }) => `${name} (${found})`).join(', ');
    return { cause: `Not ready, and fixing it takes root: ${names}`, hint: 'sudo make host-setup' };
  }
  return undefined;
}

/** The packages that bring what is missing or too old; none where the engine is only stopped. */
function listPackages(facts: HostFacts): string[] | Refusal {
  const flavour = findFlavour(facts);
  const engineVersion = facts.engine ?? facts.dockerd?.version;
  const tooOld = engineVersion !== undefined && !isAtLeast(engineVersion, MIN_ENGINE);
  const wanted = new Set<keyof typeof DEBIAN>();
  if (engineVersion === undefined || tooOld) wanted.add('engine');
  if (facts.client === undefined) wanted.add('client');
  if (facts.compose === undefined || !isAtLeast(facts.compose, MIN_COMPOSE)) wanted.add('compose');
  if (facts.buildx === undefined) wanted.add('buildx');
  if (!facts.make) wanted.add('make');
  for (const tool of ['skopeo', 'cosign'] as const) if (facts.tools[tool] === false) wanted.add(tool);
  if (wanted.size === 0) return [];
  if (isFlavourMissing(flavour)) return flavour;
  if (tooOld && facts.dockerd && !/^\/usr\/s?bin\//.test(facts.dockerd.path)) {
    return {
      cause: `Docker Engine ${engineVersion} at ${facts.dockerd.path} is older than ${MIN_ENGINE} and came from no package`,
      hint: `update it the way it was installed, then run this again`,
    };
  }
  return [...new Set([...wanted].flatMap((part) => flavour[part]))];
}

type Flavour = Record<'engine' | 'client' | 'compose' | 'buildx' | 'make' | Tool, readonly string[]>;

const TOOLS = { make: ['make'], skopeo: ['skopeo'], cosign: ['cosign'] };

const DEBIAN: Flavour = {
  engine: ['docker.io', 'docker-cli', 'iptables'],
  client: ['docker-cli'],
  compose: ['docker-compose'],
  buildx: ['docker-buildx'],
  ...TOOLS,
};
const UBUNTU: Flavour = {
  engine: ['docker.io', 'iptables'],
  client: ['docker.io'],
  compose: ['docker-compose-v2'],
  buildx: ['docker-buildx'],
  ...TOOLS,
};
const DOCKER_CE: Flavour = {
  engine: ['docker-ce', 'containerd.io'],
  client: ['docker-ce-cli'],
  compose: ['docker-compose-plugin'],
  buildx: ['docker-buildx-plugin'],
  ...TOOLS,
};

function findFlavour(facts: HostFacts): Flavour | Refusal {
  const { id, like, codename, name } = facts.os;
  if (facts.dockerCe) return DOCKER_CE;
  if (id === 'ubuntu' || like.includes('ubuntu')) return UBUNTU;
  if (id === 'debian' && !OLD_DEBIAN.test(codename)) return DEBIAN;
  return {
    cause: `host-setup installs Docker on Debian 12 and newer and on Ubuntu, and this is ${name}`,
    hint: BY_HAND,
  };
}

function isFlavourMissing(flavour: Flavour | Refusal): flavour is Refusal {
  return 'cause' in flavour;
}

function planInstall(facts: HostFacts, packages: readonly string[]): Step[] {
  const repair: Step[] = facts.dpkgInterrupted ? [{ kind: 'run', argv: ['dpkg', '--configure', '-a'] }] : [];
  const isNewer = (name: string) =>
    name === 'cosign' || !(facts.dockerCe || name === 'make' || name === 'skopeo');
  const newer = packages.filter(isNewer);
  const pin = newer.length > 0 ? planPin(facts) : [];
  const own = pin.length > 0 ? packages.filter((name) => !isNewer(name)) : packages;
  const fixBroken = facts.dpkgInterrupted ? { fixBroken: true } : {};
  // From the host's own release what is not to come from another one.
  const batches = [
    ...(pin.length > 0 ? [aptInstallArgv(newer, { release: PIN_RELEASE, ...fixBroken })] : []),
    ...(own.length > 0 ? [aptInstallArgv(own, fixBroken)] : []),
  ];
  return [
    ...repair,
    ...pin,
    { kind: 'run', argv: aptUpdateArgv() },
    ...batches.map((argv): Step => ({ kind: 'run', argv })),
  ];
}

/**
 * Debian 12 has no Compose v2 and no cosign: trixie's packages, from the host's own mirror, at a priority at which apt takes nothing
 * else of trixie by itself (below 500 it replaces no package of the host's own release, see apt_preferences(5)).
 * The release is read from apt's sources: trixie's libc6 brings its base-files, after which os-release says 13.
 */
function planPin({ os, sources }: HostFacts): Step[] {
  const archive = findDebianArchive(sources);
  if (os.id !== 'debian' || !archive) return [];
  const release = /stable$/.test(archive.suite) ? os.codename : archive.suite;
  if (release !== 'bookworm') return [];
  const { security } = archive;
  const stanzas = [formatDeb822(archive.uri, 'trixie', archive.signedBy)];
  if (security) stanzas.push(formatDeb822(security.uri, 'trixie-security', security.signedBy));
  const pins = ['trixie', 'trixie-security'].map(
    (codename) => `Package: *\nPin: release n=${codename}\nPin-Priority: 100\n`,
  );
  const why = '# Docker with Compose v2 for Debian 12, made by `make host-setup`.\n';
  return [
    { kind: 'write', path: PIN_PREFERENCES, content: why + pins.join('\n') },
    { kind: 'write', path: PIN_SOURCE, content: why + stanzas.join('\n') },
  ];
}

/** The command line that fetches apt's lists. */
export function aptUpdateArgv(): string[] {
  return ['apt-get', 'update', '-q'];
}

/**
 * The command line that installs packages: asks nothing, keeps changed configuration files, removes nothing.
 * @param options the release they come from where it is not the host's own; repair of what a cut-off run left
 */
export function aptInstallArgv(
  packages: readonly string[],
  options: { release?: string; fixBroken?: boolean } = {},
): string[] {
  return [
    ...['apt-get', 'install', '-y', '-q', '--no-install-recommends', '--no-remove'],
    ...['-o', 'DPkg::Lock::Timeout=300'],
    ...['-o', 'Dpkg::Options::=--force-confdef', '-o', 'Dpkg::Options::=--force-confold'],
    ...(options.fixBroken ? ['--fix-broken'] : []),
    ...(options.release ? ['-t', options.release] : []),
    ...packages,
  ];
}

/** Puts a failure of apt-get or dpkg into one sentence and what to do. */
export function explainApt(argv: readonly string[], exitCode: number, output: string): Refusal {
  const command = argv.slice(0, 2).join(' ');
  const reasons = output.split('\n').filter((line) => /^(E|Err:?\d*|dpkg: error)[: ]/.test(line));
  const reason = (reasons.find((line) => line.startsWith('E:')) ?? reasons[0] ?? `exit ${exitCode}`).trim();
  const cause = `${command} failed: ${reason}`;
  if (/No space left|enough free space/i.test(output))
    return { cause, hint: 'make room on the disk: df -h /var' };
  if (/NO_PUBKEY|not signed|EXPKEYSIG/i.test(output)) {
    return { cause, hint: 'bring the keyring up to date: apt-get install debian-archive-keyring' };
  }
  if (/Packages need to be removed|Remov.*disabled/i.test(output)) {
    return {
      cause,
      hint: `another package is in the way; see which one: ${['apt-get', 'install', '-s', ...argv.slice(-1)].join(' ')}`,
    };
  }
  if (
    /Unable to locate|has no installation candidate|Failed to fetch|resolve|Connection|timed out/i.test(
      output,
    )
  ) {
    return { cause, hint: 'see whether the package mirror answers: apt-get update; then run this again' };
  }
  return { cause, hint: 'fix what it says, then run this again' };
}
