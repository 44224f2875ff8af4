import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readAptSources } from '../host/apt.ts';
import { type DebianArchive, findDebianArchive, formatDeb822 } from '../host/apt-sources.ts';
import { run } from '../process/shell.ts';
import { pickAptSettings } from './base-names.ts';
import type { DebianFacts } from './components.ts';
import { parseAptSimulation, type ScanFinding } from './scan-rules.ts';

const APT_MS = 120_000;

/** An image with its Debian packages. */
export interface DebianImage {
  image: string;
  debian: DebianFacts;
}

/**
 * Asks which packages of images wait for an update: this host's apt, its mirror, proxy and CA, on each image's own list of
 * packages, in a folder apart from the host's.
 * @param images all of one release of Debian
 * @returns what each waits for; undefined when this host has no apt with a Debian mirror, or the mirror does not answer
 */
export async function findPendingUpdates(
  images: readonly DebianImage[],
): Promise<ScanFinding[][] | undefined> {
  const archive = findDebianArchive(readAptSources());
  const { codename = '', id = '' } = images[0]?.debian.distribution ?? {};
  if (!archive || id !== 'debian' || codename === '') return undefined;
  const folder = mkdtempSync(join(tmpdir(), 'kidney-genetics-scan-'));
  try {
    const settings = pickAptSettings((await run(['apt-config', 'dump'])).stdout);
    if (!(await fetchLists(folder, archive, codename, settings))) return undefined;
    const found: ScanFinding[][] = [];
    for (const one of images) {
      const findings = await simulate(folder, one, settings);
      if (!findings) return undefined;
      found.push(findings);
    }
    return found;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Fetches the lists of a release and of its security archive. A release in preparation has none of the latter. */
async function fetchLists(
  folder: string,
  archive: DebianArchive,
  codename: string,
  settings: string,
): Promise<boolean> {
  for (const part of ['lists/partial', 'cache/archives/partial', 'parts']) {
    mkdirSync(join(folder, part), { recursive: true });
  }
  writeFileSync(join(folder, 'status'), '');
  const own = formatDeb822(archive.uri, codename, archive.signedBy);
  const { security } = archive;
  const fixes = security ? [formatDeb822(security.uri, `${codename}-security`, security.signedBy)] : [];
  const said = await update(folder, settings, [own, ...fixes]);
  const inPreparation = /-security' does not have a Release file|-security Release\n\s*404/.test(said);
  return isFetched(inPreparation ? await update(folder, settings, [own]) : said);
}

/** @returns what apt said, and its exit code at the end */
async function update(folder: string, settings: string, sources: readonly string[]): Promise<string> {
  writeFileSync(join(folder, 'debian.sources'), sources.join('\n'));
  const env = { APT_CONFIG: writeConfig(folder, settings), LC_ALL: 'C' };
  const { exitCode, stdout, stderr } = await run(['apt-get', 'update', '-q'], { env, timeoutMs: APT_MS });
  return `${stdout}${stderr}\nexit ${exitCode}`;
}

const isFetched = (said: string) => /\nexit 0$/.test(said) && !/^(E:|Err:)|Failed to fetch/m.test(said);

/** Settings that keep apt off the host's own files. */
function writeConfig(folder: string, settings: string, architecture = ''): string {
  const path = join(folder, 'apt.conf');
  const own = [
    `Dir::State::status "${folder}/status";`,
    `Dir::State::lists "${folder}/lists";`,
    `Dir::State::extended_states "${folder}/extended_states";`,
    `Dir::Cache "${folder}/cache";`,
    `Dir::Etc::sourcelist "${folder}/debian.sources";`,
    `Dir::Etc::sourceparts "${folder}/parts";`,
    `Dir::Etc::preferences "${folder}/none";`,
    `Dir::Etc::preferencesparts "${folder}/parts";`,
    `Dir::Etc::parts "${folder}/parts";`,
    `APT::Sandbox::User "root";`,
    `Acquire::Languages "none";`,
    // A mirror's index of a release in preparation may be past its date; its signature is checked all the same.
    `Acquire::Check-Valid-Until "false";`,
    ...(architecture
      ? [`APT::Architecture "${architecture}";`, `APT::Architectures { "${architecture}"; };`]
      : []),
  ];
  // The host's settings for its proxy may hold a password.
  writeFileSync(path, [...own, settings].join('\n'), { mode: 0o600 });
  return path;
}

async function simulate(
  folder: string,
  { image, debian }: DebianImage,
  settings: string,
): Promise<ScanFinding[] | undefined> {
  writeFileSync(join(folder, 'status'), debian.status);
  const architecture = debian.packages.find((one) => one.architecture !== 'all')?.architecture;
  const env = { APT_CONFIG: writeConfig(folder, settings, architecture), LC_ALL: 'C' };
  const argv = ['apt-get', '--simulate', '--fix-broken', 'dist-upgrade'];
  const { exitCode, stdout } = await run(argv, { env, timeoutMs: APT_MS });
  if (exitCode !== 0) return undefined;
  const names = new Set(debian.packages.map(({ name }) => `deb:${name}`));
  return parseAptSimulation(stdout, image).filter(({ id }) => names.has(id));
}
