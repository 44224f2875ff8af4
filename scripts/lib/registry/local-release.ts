import { inspect } from '../docker/inspect.ts';
import { sandboxArgv } from '../docker/sandbox-argv.ts';
import { IMAGES, type ImageName } from '../images/build-argv.ts';
import { bomFile, describeImage, writeBoms } from '../images/sbom.ts';
import { DescribedError } from '../process/errors.ts';
import { run } from '../process/shell.ts';
import type { StackSettings } from '../stack/stack.ts';
import { enginePlatform } from './pull.ts';

/** An image that is to be pushed: its name on this host, and the file with its bill of materials. */
interface LocalImage {
  name: string;
  sbom: string;
}

/** A release on this host. */
export interface LocalRelease {
  release: string;
  revision: string;
  platform: string;
  images: Record<ImageName, LocalImage>;
  /** Names of its migrations, and until its bills of materials are written: images go meanwhile. */
  migrations: Promise<string[]>;
  written: Promise<unknown>;
}

/**
 * Looks at the images that were built last: which release they are, and what they hold.
 * @param folder for the bills of materials
 * @throws DescribedError where one is missing, or they were not built together
 */
export async function describeRelease(settings: StackSettings, folder: string): Promise<LocalRelease> {
  const named = IMAGES.map((image) => ({ image, name: `${settings.prefix}-${image}:latest` }));
  const found = await inspect(
    'image',
    named.map(({ name }) => name),
  );
  if (found.length < named.length) throw new DescribedError('The images are not built', 'make prod-build');
  const names = new Set(found.map(({ Config }) => releaseOf(Config.Labels ?? {})));
  const [release = '', other] = names;
  if (other !== undefined) {
    throw new DescribedError(`The images are of two builds, ${release} and ${other}`, 'make prod-build');
  }
  const written = Promise.all(named.map(({ image, name }) => describeImage(image, name))).then((described) =>
    writeBoms(folder, described),
  );
  const migrations = listMigrations(`${settings.prefix}-backend:latest`);
  // They are waited for later, when another step may have failed before.
  for (const work of [written, migrations]) work.catch(() => undefined);
  const images = Object.fromEntries(
    named.map(({ image, name }): [ImageName, LocalImage] => [image, { name, sbom: bomFile(folder, name) }]),
  ) as LocalRelease['images'];
  const platform = await enginePlatform();
  const revision = found[0]?.Config.Labels?.['org.opencontainers.image.revision'] ?? 'unknown';
  return { release, revision, platform, migrations, images, written };
}

function releaseOf(labels: Readonly<Record<string, string>>): string {
  const version = labels['org.opencontainers.image.version'] ?? '0.0.0';
  return `${version}-${labels['org.opencontainers.image.revision'] ?? 'unknown'}`;
}

/** Names of the migrations in a backend's image; none in one of an app that has none. */
async function listMigrations(image: string): Promise<string[]> {
  const program = `const { existsSync, readdirSync } = require('node:fs'); const folder = '/app/migrations';
    console.log(existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.sql')).sort().join('\\n') : '')`;
  const { stdout } = await run(['docker', 'run', '--rm', ...sandboxArgv(), image, 'node', '-e', program]);
  return stdout.split('\n').filter(Boolean);
}
