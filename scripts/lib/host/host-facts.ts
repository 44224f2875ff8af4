import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { run } from '../process/shell.ts';
import { readOptionalEnv } from '../stack/env-file.ts';
import { envFilePath } from '../stack/project.ts';
import { readAptSources } from './apt.ts';
import { type HostFacts, parseOsRelease, type Tool } from './host-plan.ts';

const DEFAULT_SOCKET = /^unix:\/\/(\/var)?\/run\/docker\.sock$/;
/** Where the engine's program is, whether or not the user's PATH leads there. */
const SYSTEM_FOLDERS = [
  '/usr/local/sbin',
  '/usr/local/bin',
  '/usr/sbin',
  '/usr/bin',
  '/sbin',
  '/bin',
  '/snap/bin',
];

/** Looks at the host; changes nothing. */
export async function collectHostFacts(): Promise<HostFacts> {
  const [engine, client, compose, buildx, make, context, dockerd, dockerCe, dpkgInterrupted, tools] =
    await Promise.all([
      run(['docker', 'version', '--format', '{{.Server.Version}}'], { timeoutMs: 10_000 }),
      readVersion(['docker', 'version', '--format', '{{.Client.Version}}']),
      readVersion(['docker', 'compose', 'version', '--short']),
      readVersion(['docker', 'buildx', 'version']),
      run(['which', 'make']),
      run(['docker', 'context', 'inspect', '--format', '{{.Endpoints.docker.Host}}']),
      findDockerd(),
      isInstalled('docker-ce'),
      isDpkgInterrupted(),
      findTools(),
    ]);
  const endpoint = context.stdout.trim();
  const facts: HostFacts = {
    os: parseOsRelease(readText('/etc/os-release')),
    root: process.getuid?.() === 0,
    systemd: existsSync('/run/systemd/system'),
    node: process.versions.node,
    make: make.exitCode === 0,
    tools,
    dockerCe,
    dpkgInterrupted,
    sources: readAptSources(),
  };
  if (client) facts.client = client;
  if (compose) facts.compose = compose;
  if (buildx) facts.buildx = buildx;
  if (dockerd) facts.dockerd = dockerd;
  if (engine.exitCode === 0 && engine.stdout.trim()) facts.engine = engine.stdout.trim();
  else if (/permission denied/i.test(engine.stderr)) facts.denied = readMembership();
  if (endpoint && !DEFAULT_SOCKET.test(endpoint)) facts.elsewhere = endpoint;
  return facts;
}

/** The client prints its own version even when the engine does not answer, and then exits with 1. */
async function readVersion(argv: readonly string[]): Promise<string | undefined> {
  const { stdout } = await run(argv, { timeoutMs: 10_000 });
  return /v?(\d+\.\d\S*)/.exec(stdout)?.[1];
}

/** What the env file's registry and keys ask for. */
async function findTools(): Promise<HostFacts['tools']> {
  const env = await readOptionalEnv(envFilePath());
  const tools: Tool[] = [
    ...(env.REGISTRY ? ['skopeo' as const] : []),
    ...(env.COSIGN_PUBLIC_KEY || env.COSIGN_KEY || process.env.COSIGN_KEY ? ['cosign' as const] : []),
  ];
  const found = await Promise.all(tools.map((tool) => run(['which', tool])));
  return Object.fromEntries(tools.map((tool, index) => [tool, found[index]?.exitCode === 0]));
}

async function findDockerd(): Promise<HostFacts['dockerd']> {
  const path = SYSTEM_FOLDERS.map((folder) => join(folder, 'dockerd')).find((file) => existsSync(file));
  if (!path) return undefined;
  const version = await readVersion([path, '--version']);
  return version ? { path, version: version.replace(/,$/, '') } : undefined;
}

async function isInstalled(name: string): Promise<boolean> {
  const { stdout } = await run(['dpkg-query', '--status', name]);
  return /^Status: install ok installed$/m.test(stdout);
}

/** dpkg's own journal is not empty, or packages are unpacked and not configured. */
async function isDpkgInterrupted(): Promise<boolean> {
  const journal = '/var/lib/dpkg/updates';
  if (existsSync(journal) && readdirSync(journal).some((name) => /^\d+$/.test(name))) return true;
  return (await run(['dpkg', '--audit'])).stdout.trim() !== '';
}

function readMembership(): { user: string; inGroup: boolean } {
  const user = userInfo().username;
  const members = /^docker:[^:]*:\d*:(.*)$/m.exec(readText('/etc/group'))?.[1] ?? '';
  return { user, inGroup: members.split(',').includes(user) };
}

function readText(path: string): string {
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}
