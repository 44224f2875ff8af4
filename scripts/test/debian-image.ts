import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readAptSources } from '../lib/host/apt.ts';
import { findDebianArchive, formatDeb822 } from '../lib/host/apt-sources.ts';
import { ROOT } from '../lib/process/root.ts';
import { mustRun } from '../lib/process/shell.ts';

const HINT = 'see the output above';

export type DebianSuite = 'trixie' | 'forky';

/** A mirror's index of testing may be past its date; its signature is checked all the same. */
export const ANY_DATE = 'Acquire::Check-Valid-Until "false"';

/** Where packages of a release come from: the mirror that this host uses. */
export function formatDebianSources(suite: DebianSuite): string {
  const archive = findDebianArchive(readAptSources());
  assert.ok(archive, 'this host knows a mirror of Debian');
  return formatDeb822(archive.uri, suite, archive.signedBy);
}

/**
 * Makes an image of Debian with some packages, from the mirror that this host uses.
 * @param folder for what is thrown away afterwards
 */
export async function makeDebianImage(
  image: string,
  packages: readonly string[],
  folder: string,
  suite: DebianSuite = 'trixie',
): Promise<void> {
  const [tar, sources] = [join(folder, 'root.tar'), join(folder, 'debian.sources')];
  writeFileSync(sources, formatDebianSources(suite));
  const hooks = `--hook-directory=${join(ROOT, 'deploy/base/hooks')}`;
  const options = [`--include=${packages.join(',')}`, `--aptopt=${ANY_DATE}`, hooks];
  const argv = ['mmdebstrap', '--variant=minbase', '--format=tar', ...options];
  await mustRun([...argv, suite, tar, sources], HINT);
  await mustRun(['docker', 'import', tar, image], HINT);
  rmSync(tar);
}
