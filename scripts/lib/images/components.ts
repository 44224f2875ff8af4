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
async function runIn(image: string, argv: readonly string[], input?: string): Promise<string> {
  const [entrypoint = '', ...args] = argv;
  // A base would run it as root.
  const guards = sandboxArgv({ user: '65534:65534' });
  const { exitCode, stdout } = await run(
    [
      ...['docker', 'run', '--rm', ...(input === undefined ? [] : ['--interactive']), ...guards],
      ...['--entrypoint', entrypoint, image, ...args],
    ],
    { timeoutMs: 60_000, ...(input === undefined ? {} : { input }) },
  );
  return exitCode === 0 ? stdout : '';
}

/**
 * The Debian packages of an image.
 * @returns null for an image without dpkg
 */
export async function readDebian(image: string): Promise<DebianFacts | null> {
  const text = await runIn(image, ['cat', '/etc/os-release', '/var/lib/dpkg/status']);
  const start = text.search(/^Package: /m);
  if (start < 0) return null;
  const status = text.slice(start);
  return { packages: parseDpkgStatus(status), distribution: parseDistribution(text.slice(0, start)), status };
}

/**
 * What the backend's image holds, which is made from nothing: Node with what is compiled into it, and the packages of the
 * base whose files were copied.
 */
export async function readBackend(
  image: string,
  base: string,
): Promise<{ components: BomComponent[]; debian: DebianFacts | null }> {
  const program = `const fs = require('node:fs');
    const files = ['/lib', '/lib64', '/usr/lib'].flatMap((folder) => fs.existsSync(folder)
      ? fs.readdirSync(folder, { recursive: true }).map((name) => folder + '/' + name) : []);
    console.log(JSON.stringify({ versions: process.versions, files: files.filter((name) => /\\.so/.test(name)) }));`;
  const answer = await runIn(image, ['node', '-e', program]);
  if (answer === '') return { components: [], debian: null };
  const { versions, files } = JSON.parse(answer) as { versions: Record<string, string>; files: string[] };
  const debian = await readDebian(base);
  if (!debian) return { components: toNodeComponents(versions), debian: null };
  const patterns = [
    ...new Set(files.map((file) => `*/${file.split('/').at(-1)}`)),
    '/usr/bin/whoami',
    '/usr/sbin/update-ca-certificates',
  ];
  const owners = await runIn(
    base,
    ['sh', '-c', 'xargs dpkg-query --search 2>/dev/null || true'],
    patterns.join('\n'),
  );
  const names = new Set([...owners.matchAll(/^([a-z0-9.+-]+)(?::\S+)?: /gm)].map(([, name]) => name ?? ''));
  const packages = debian.packages.filter(({ name }) => names.has(name));
  return {
    components: [
      ...toNodeComponents(versions),
      ...packages.map((one) => toDebianComponent(one, debian.distribution)),
    ],
    debian: { ...debian, packages },
  };
}

/** The npm packages that a workspace brings into its image. */
export async function readNpm(workspace: 'backend' | 'frontend'): Promise<BomComponent[]> {
  const lock = await readFile(join(ROOT, 'package-lock.json'), 'utf8');
  return listLockedPackages(JSON.parse(lock) as NpmLock, workspace);
}
