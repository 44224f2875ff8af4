import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { ensurePackages, readAptSources } from '../host/apt.ts';
import { type DebianArchive, findDebianArchive, formatDeb822 } from '../host/apt-sources.ts';
import { DescribedError, Exit } from '../process/errors.ts';
import { waitForLock } from '../process/lock.ts';
import { ROOT } from '../process/root.ts';
import { $, must, mustRun, run } from '../process/shell.ts';
import { formatDuration, say, sayOk } from '../terminal/report.ts';
import {
  type BaseName,
  bootstrapArgv,
  findPackageVersion,
  NODE_PACKAGES,
  NODE_RANGE,
  NPM_RANGE,
  nodePackagesArgv,
  pickAptSettings,
  RECIPES,
  standInArgv,
} from './base-names.ts';

const BASE = join(ROOT, 'deploy/base');
const FOLDER = 'kidney-genetics-base-';

/**
 * Makes stand-ins for official base images, side by side, from the packages of this host's Debian mirror.
 * @throws DescribedError when the host has no Debian mirror, or a step fails
 */
export async function buildStandIns(names: readonly BaseName[]): Promise<void> {
  if (names.length === 0) return;
  const archive = findDebianArchive(readAptSources());
  if (!archive) {
    throw new DescribedError(
      'No registry answers, and this host’s apt knows no mirror of Debian to make stand-ins from',
      'give the engine a registry (docs/base-images.md), or name images you have: NODE_BASE, NGINX_BASE, POSTGRES_BASE',
      Exit.missing,
    );
  }
  await waitForLock('kidney-genetics-base-images', 'the making of base images', say);
  await ensurePackages(['mmdebstrap'], 'mmdebstrap', 'the stand-ins of the base images');
  const settings = pickAptSettings((await run(['apt-config', 'dump'])).stdout);
  const folder = makeFolder();
  // All are waited for: one that goes on behind an error message would be a surprise.
  const builds = names.map((name) => buildStandIn(name, archive, settings, folder));
  const results = await Promise.allSettled(builds);
  rmSync(folder, { recursive: true, force: true });
  const failed = results.find((result) => result.status === 'rejected');
  if (failed) throw failed.reason;
}

async function buildStandIn(
  name: BaseName,
  archive: DebianArchive,
  aptSettings: string,
  folder: string,
): Promise<void> {
  const { standIn, suite } = RECIPES[name];
  const startedAt = Date.now();
  say(`  ${standIn}: making it from packages of Debian ${suite}`);
  const own = join(folder, name);
  mkdirSync(own);
  const files = {
    sources: join(own, 'debian.sources'),
    aptConfig: join(own, 'apt.conf'),
    tar: join(own, 'root.tar'),
    base: BASE,
  };
  writeFileSync(files.sources, formatSources(name, archive));
  writeFileSync(files.aptConfig, formatAptConfig(name, aptSettings), { mode: 0o600 });
  const [, nodeVersion] = await Promise.all([
    bootstrap(name, files),
    name === 'node' ? fetchNode(own) : undefined,
  ]);
  if (name === 'node') await addNode(own, files.tar);
  const root = `kidney-genetics-base/${name}-root:unfinished`;
  await must($`docker import ${files.tar} ${root}`, 'see whether Docker’s disk is full: df -h');
  const version = nodeVersion ? `NODE_VERSION=${nodeVersion}` : await readVersion(name, files.tar);
  const debian = (await readFromTar(files.tar, './etc/debian_version')).trim();
  const created = new Date().toISOString();
  const recipe = readRecipe(name);
  await mustRun(
    standInArgv(name, { root, debian, version, recipe, created, base: BASE }),
    `see the whole output: docker build --build-arg ROOT=${root} deploy/base/${name}`,
    { env: { DOCKER_BUILDKIT: '1' } },
  );
  await run(['docker', 'image', 'rm', root]);
  rmSync(own, { recursive: true, force: true });
  sayOk(
    `${standIn}: ${version.replace(/^.*=/, `${name} `)} on Debian ${debian}, in ${formatDuration(Date.now() - startedAt)}`,
  );
}

function formatSources(name: BaseName, { uri, signedBy, security }: DebianArchive): string {
  const { suite } = RECIPES[name];
  const stanzas = [formatDeb822(uri, suite, signedBy)];
  // Testing gets its security updates through the archive itself.
  if (security && suite !== 'testing')
    stanzas.push(formatDeb822(security.uri, `${suite}-security`, security.signedBy));
  return stanzas.join('\n');
}

/** A mirror's index of testing may be past its date; its signature is checked all the same. */
function formatAptConfig(name: BaseName, settings: string): string {
  return RECIPES[name].suite === 'testing' ? `${settings}Acquire::Check-Valid-Until "false";\n` : settings;
}

async function bootstrap(name: BaseName, files: Parameters<typeof bootstrapArgv>[1]): Promise<void> {
  const argv = bootstrapArgv(name, files);
  const result = await run(argv, {
    env: { TMPDIR: join(files.tar, '..'), DEBIAN_FRONTEND: 'noninteractive' },
  });
  if (result.exitCode === 0) return;
  const said = result.stderr.split('\n').filter((line) => /^(E|W|Err):/.test(line));
  throw new DescribedError(
    `mmdebstrap could not make the root of ${RECIPES[name].standIn}: ${said.slice(0, 3).join(' | ') || result.stderr.trim()}`,
    'see whether the mirror answers and has that release: apt-get update',
  );
}

/** @returns the version of Node that was fetched */
async function fetchNode(folder: string): Promise<string> {
  const platform = NODE_PACKAGES[process.arch];
  if (!platform) {
    throw new DescribedError(
      `There is no stand-in of the node image for ${process.arch}`,
      'name an image you have: NODE_BASE',
      Exit.missing,
    );
  }
  const hint = 'see whether the npm registry answers: npm ping';
  await mustRun(nodePackagesArgv(folder, platform), hint, { cwd: folder });
  const manifest = readFileSync(join(folder, 'node_modules', platform, 'package.json'), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}

/** Adds Node and npm to the root where the official image has them. */
async function addNode(folder: string, tar: string): Promise<void> {
  const platform = NODE_PACKAGES[process.arch] ?? '';
  const owned = ['tar', '--append', `--file=${tar}`, '--owner=0', '--group=0', '--numeric-owner'];
  const modules = join(folder, 'node_modules');
  const hint = 'see whether the disk is full: df -h';
  await mustRun(
    [...owned, `--directory=${modules}/${platform}/bin`, '--transform=s,^,./usr/local/bin/,', 'node'],
    hint,
  );
  await mustRun(
    [...owned, `--directory=${modules}`, '--transform=s,^,./usr/local/lib/node_modules/,', 'npm'],
    hint,
  );
}

async function readVersion(name: BaseName, tar: string): Promise<string> {
  const { version } = RECIPES[name];
  const status = await readFromTar(tar, './var/lib/dpkg/status');
  const found = version && findPackageVersion(status, version.package);
  if (!found)
    throw new DescribedError(`The root of ${RECIPES[name].standIn} lacks its package`, 'run it again');
  return `${version.variable}=${found}`;
}

function readFromTar(tar: string, path: string): Promise<string> {
  return mustRun(
    ['tar', '--extract', '--to-stdout', '--occurrence=1', `--file=${tar}`, path],
    'run it again',
  );
}

/** What a stand-in is made of, as a short digest. */
export function readRecipe(name: BaseName): string {
  const placeholders = { sources: '', aptConfig: '', tar: '', base: '' };
  const digest = createHash('sha256').update(
    JSON.stringify([bootstrapArgv(name, placeholders), NODE_RANGE, NPM_RANGE]),
  );
  for (const folder of ['.', 'hooks', name, `${name}/hooks`]) {
    const path = join(BASE, folder);
    if (!existsSync(path)) continue;
    const files = readdirSync(path, { withFileTypes: true }).filter((entry) => entry.isFile());
    for (const file of files.map((entry) => entry.name).sort()) {
      digest.update(`${folder}/${file}\n`).update(readFileSync(join(path, file)));
    }
  }
  return digest.digest('hex').slice(0, 16);
}

/** A folder on a real disk: /tmp may be small, or forbid programs and devices. Removed however this process ends. */
function makeFolder(): string {
  const parent = process.env.TMPDIR || '/var/tmp';
  for (const name of readdirSync(parent)) {
    const owner = name.startsWith(FOLDER) ? /^\d+/.exec(name.slice(FOLDER.length))?.[0] : undefined;
    if (owner && !existsSync(`/proc/${owner}`)) rmSync(join(parent, name), { recursive: true, force: true });
  }
  const folder = mkdtempSync(join(parent, `${FOLDER}${process.pid}-`));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  // mmdebstrap enters it as another user when it runs without root.
  chmodSync(folder, 0o755);
  return folder;
}
