import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sandboxArgv } from '../docker/sandbox-argv.ts';
import { ROOT } from '../process/root.ts';
import { run } from '../process/shell.ts';
import { type BomComponent, toDebianComponent, toNodeComponents } from './bill-of-materials.ts';
import { listLockedPackages, type NpmLock } from './npm-lock.ts';
import { type DebianPackage, parseDistribution, parseDpkgStatus } from './scan-rules.ts';

/** An image with its Debian packages. */
export interface DebianFacts {
  packages: DebianPackage[];
  distribution: { id: string; version: string; codename: string };
  /** dpkg's status file as it is. */
  status: string;
}

/** Runs a program in a throwaway container that can reach nothing and write nothing. */
async function runIn(image: string, argv: readonly string[]): Promise<string> {
  const [entrypoint = '', ...args] = argv;
  const guards = sandboxArgv({ user: '65534:65534' });
  const { exitCode, stdout } = await run(
    ['docker', 'run', '--rm', ...guards, '--entrypoint', entrypoint, image, ...args],
    { timeoutMs: 60_000 },
  );
  return exitCode === 0 ? stdout : '';
}

/**
 * The Debian packages of an image.
 * @returns null for an image without dpkg's status file
 */
export async function readDebian(image: string): Promise<DebianFacts | null> {
  return parseDebian(await runIn(image, ['cat', '/etc/os-release', '/var/lib/dpkg/status']));
}

function parseDebian(text: string): DebianFacts | null {
  const start = text.search(/^Package: /m);
  if (start < 0) return null;
  const status = text.slice(start);
  return { packages: parseDpkgStatus(status), distribution: parseDistribution(text.slice(0, start)), status };
}

/** In the backend's image there is no `cat`. */
const READ_BACKEND = `const { readFileSync } = require('node:fs');
const read = (path) => { try { return readFileSync(path, 'utf8'); } catch { return ''; } };
console.log(JSON.stringify({ versions: process.versions, files: read('/etc/os-release') + read('/var/lib/dpkg/status') }));`;

/**
 * What the backend's image holds, which is made from nothing: Node with what is compiled into it, and the packages whose
 * files its build copied, as the build noted them.
 */
export async function readBackend(
  image: string,
): Promise<{ components: BomComponent[]; debian: DebianFacts | null }> {
  const answer = await runIn(image, ['node', '-e', READ_BACKEND]);
  if (answer === '') return { components: [], debian: null };
  const { versions, files } = JSON.parse(answer) as { versions: Record<string, string>; files: string };
  const debian = parseDebian(files);
  const packages = debian?.packages.map((one) => toDebianComponent(one, debian.distribution)) ?? [];
  return { components: [...toNodeComponents(versions), ...packages], debian };
}

/** The npm packages that a workspace brings into its image. */
export async function readNpm(workspace: 'backend' | 'frontend'): Promise<BomComponent[]> {
  const lock = await readFile(join(ROOT, 'package-lock.json'), 'utf8');
  return listLockedPackages(JSON.parse(lock) as NpmLock, workspace);
}
