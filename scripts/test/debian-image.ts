import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readAptSources } from '../lib/host/apt.ts';
import { findDebianArchive, formatDeb822 } from '../lib/host/apt-sources.ts';
import { ROOT } from '../lib/process/root.ts';
import { mustRun } from '../lib/process/shell.ts';

const HINT = 'see the output above';

/**
 * Makes an image of Debian 13 with some packages, from the mirror that this host uses.
 * @param folder for what is thrown away afterwards
 */
export async function makeDebianImage(
  image: string,
  packages: readonly string[],
  folder: string,
): Promise<void> {
  const archive = findDebianArchive(readAptSources());
  assert.ok(archive, 'this host knows a mirror of Debian');
  const [tar, sources] = [join(folder, 'root.tar'), join(folder, 'debian.sources')];
  writeFileSync(sources, formatDeb822(archive.uri, 'trixie', archive.signedBy));
  const hooks = `--hook-directory=${join(ROOT, 'deploy/base/hooks')}`;
  const argv = ['mmdebstrap', '--variant=minbase', '--format=tar', `--include=${packages.join(',')}`, hooks];
  await mustRun([...argv, 'trixie', tar, sources], HINT);
  await mustRun(['docker', 'import', tar, image], HINT);
  rmSync(tar);
}
