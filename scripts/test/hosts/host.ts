import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Bases } from '../../lib/images/base-images.ts';
import { BASE_NAMES, type BaseName, LABELS, RECIPES } from '../../lib/images/base-names.ts';
import { ROOT } from '../../lib/process/root.ts';
import { mustRun, type RunResult, run } from '../../lib/process/shell.ts';
import { ANY_DATE, type DebianSuite, formatDebianSources, makeDebianImage } from '../debian-image.ts';
import { TEST_PREFIX } from '../e2e/harness.ts';

const HINT = 'see the output above';
/** As the README tells: all that host-setup needs. */
const PACKAGES = ['ca-certificates', 'git', 'make', 'nodejs', 'npm', 'procps'];
const KIT = '/kit';
const BUNDLE = '/usr/local/share/host-ca.crt';
const LONGEST_MS = 20 * 60_000;

/** A host as operators have them: its release of Debian, which brings the engine, and the engine's settings. */
export interface HostKind {
  name: string;
  suite: DebianSuite;
  /** What the engine has to be, so that nobody believes another one was tried. */
  engine: RegExp;
  /** /etc/docker/daemon.json */
  daemon: Readonly<Record<string, unknown>>;
}

/** A host in a privileged container, bare but for a clone of this checkout: `make host-setup` brings its engine. */
export class Host {
  private readonly name: string;

  private constructor(name: string) {
    this.name = name;
  }

  /** @param folder for what is thrown away afterwards; holds the archive of `saveBases` */
  static async start(kind: HostKind, folder: string): Promise<Host> {
    const image = `${TEST_PREFIX}-host-${kind.suite}`;
    if ((await run(['docker', 'image', 'inspect', image])).exitCode !== 0) {
      await makeDebianImage(image, PACKAGES, folder, kind.suite);
    }
    const host = new Host(`${TEST_PREFIX}-host-${kind.name}`);
    await host.stop();
    // The engine's folder is on a volume, as overlayfs cannot lie upon itself.
    const flags = ['--privileged', '--cgroupns=private', '--init', '--volume', '/var/lib/docker'];
    const mounts = ['--volume', `${folder}:/shared:ro`, ...connectionFlags()];
    const argv = ['docker', 'run', '-d', '--name', host.name, '--hostname', kind.name, ...flags, ...mounts];
    await mustRun([...argv, image, 'sleep', 'infinity'], HINT);
    await host.write('/etc/docker/daemon.json', JSON.stringify(kind.daemon));
    await host.write('/etc/apt/sources.list.d/debian.sources', formatDebianSources(kind.suite));
    await host.write('/etc/apt/apt.conf.d/99valid-until', `${ANY_DATE};\n`);
    await host.copyCheckout();
    return host;
  }

  /** Runs a program in the checkout there. */
  run(argv: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<RunResult> {
    const variables = Object.entries(env).flatMap(([key, value]) => ['-e', `${key}=${value}`]);
    const exec = ['docker', 'exec', '-w', KIT, ...variables, this.name];
    return run([...exec, ...argv], { timeoutMs: LONGEST_MS });
  }

  /** @throws Error with all that it printed */
  async must(argv: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<string> {
    const { exitCode, stdout, stderr } = await this.run(argv, env);
    if (exitCode !== 0) throw new Error(`${argv.join(' ')} (exit ${exitCode}):\n${stdout}${stderr}`);
    return stdout;
  }

  /** @returns what its engine is: version, and where it keeps images */
  describeEngine(): Promise<string> {
    return this.must(['docker', 'info', '--format', '{{.ServerVersion}} {{.Driver}} {{json .DriverStatus}}']);
  }

  async stop(): Promise<void> {
    await run(['docker', 'rm', '-f', '-v', this.name]);
  }

  private async write(path: string, text: string): Promise<void> {
    const argv = ['docker', 'exec', '-i', this.name, 'install', '-D', '-m', '644', '/dev/stdin', path];
    await mustRun(argv, HINT, { input: text });
  }

  /** With what is not committed yet, and as a clone: a release is named after its revision. */
  private async copyCheckout(): Promise<void> {
    const script = `git -C "$1" ls-files -z --cached --others --exclude-standard \
      | tar -C "$1" -c --null --ignore-failed-read -T - | docker exec -i "$2" sh -c 'mkdir -p "$0"; tar -x -C "$0"' "$3"`;
    await mustRun(['bash', '-euo', 'pipefail', '-c', script, 'copy', ROOT, this.name, KIT], HINT);
    const author = ['-c', 'user.name=test', '-c', 'user.email=test@example.com'];
    await this.must(['git', 'init', '-q']);
    await this.must(['git', 'add', '--all']);
    await this.must(['git', ...author, 'commit', '-q', '-m', 'The kit']);
  }
}

/** How this host reaches npm: its bundle of authorities, and its npm settings. */
function connectionFlags(): string[] {
  const bundle = process.env.NODE_EXTRA_CA_CERTS || process.env.SSL_CERT_FILE;
  const npmrc = join(homedir(), '.npmrc');
  return [
    ...(bundle ? ['--volume', `${bundle}:${BUNDLE}:ro`, '--env', `NODE_EXTRA_CA_CERTS=${BUNDLE}`] : []),
    ...(existsSync(npmrc) ? ['--volume', `${npmrc}:/root/.npmrc:ro`] : []),
  ];
}

/**
 * What official images have that stand-ins do not: slim Node comes without a bundle of authorities, and each calls itself
 * as old as the last change of its Dockerfile.
 */
const OFFICIAL: Readonly<Partial<Record<BaseName, string>>> = {
  node: 'RUN rm -rf /etc/ssl /usr/share/ca-certificates /usr/local/share/ca-certificates',
};
const LONG_AGO = Date.UTC(2024, 0, 1) / 1000;

const UNLABELLED = `LABEL ${Object.values(LABELS)
  .map((label) => `${label}=""`)
  .join(' ')}`;

const nameOf = (base: BaseName): string => `${TEST_PREFIX}-host-base-${base}`;

/** Makes bases that keep the official images' contract, and an archive of them for the hosts. */
export async function saveBases(bases: Bases, archive: string): Promise<void> {
  for (const base of BASE_NAMES) {
    const input = `FROM ${bases[base]}\n${OFFICIAL[base] ?? ''}\n${UNLABELLED}\n`;
    const date = ['--build-arg', `SOURCE_DATE_EPOCH=${LONG_AGO}`];
    await mustRun(['docker', 'build', '-q', ...date, '-t', nameOf(base), '-'], HINT, { input });
  }
  await mustRun(['docker', 'save', '--output', archive, ...BASE_NAMES.map(nameOf)], HINT);
}

/** Gives a host the bases under the official names, as a pull would. */
export async function loadBases(host: Host, archive: string): Promise<void> {
  await host.must(['docker', 'load', '--input', archive]);
  for (const base of BASE_NAMES) {
    await host.must(['docker', 'tag', nameOf(base), RECIPES[base].official]);
    await host.must(['docker', 'rmi', nameOf(base)]);
  }
}

/** Removes what `saveBases` and the hosts left in this host's engine. */
export async function removeHostImages(): Promise<void> {
  const suites: DebianSuite[] = ['trixie', 'forky'];
  const names = [...suites.map((suite) => `${TEST_PREFIX}-host-${suite}`), ...BASE_NAMES.map(nameOf)];
  await run(['docker', 'rmi', '-f', ...names]);
}
