import { randomUUID } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { ROOT } from '../process/root.ts';
import { mustRun } from '../process/shell.ts';
import { type BomComponent, makeBom, toDebianComponent } from './bill-of-materials.ts';
import type { ImageName } from './build-argv.ts';
import { readBackend, readDebian, readNpm } from './components.ts';
import type { Target } from './vulnerabilities.ts';

/** An image, what is in it, and what to ask about it. */
export interface Described extends Target {
  id: string;
  revision: string;
  components: BomComponent[];
}

/** What an image holds: its Debian and npm packages, and what is compiled into its Node. */
export async function describeImage(name: ImageName, image: string): Promise<Described> {
  const out = await mustRun(
    ['docker', 'image', 'inspect', '--format', '{{.Id}} {{json .Config.Labels}}', image],
    'make prod-build',
  );
  const [id = ''] = out.split(' ', 1);
  const labels = JSON.parse(out.slice(id.length)) as Record<string, string> | null;
  const revision = labels?.['org.opencontainers.image.revision'] ?? '';
  if (name === 'backend') {
    const [{ components, debian }, npm] = await Promise.all([readBackend(image), readNpm('backend')]);
    return { image, id, revision, debian, components: [...components, ...npm] };
  }
  const [debian, npm] = await Promise.all([
    readDebian(image),
    name === 'frontend' ? readNpm('frontend') : [],
  ]);
  const packages = debian?.packages.map((one) => toDebianComponent(one, debian.distribution)) ?? [];
  return { image, id, revision, debian, components: [...packages, ...npm] };
}

/**
 * Writes a bill of materials (CycloneDX 1.5) of each image into a folder, as IMAGE.cdx.json.
 * @returns the files, relative to the project's folder, and how much is in each
 */
export async function writeBoms(folder: string, described: readonly Described[]): Promise<string[]> {
  const { name, version } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as {
    name: string;
    version: string;
  };
  await mkdir(folder, { recursive: true });
  return Promise.all(
    described.map(async ({ image, id, revision, components }) => {
      const times = { timestamp: new Date().toISOString(), uuid: randomUUID() };
      const bom = makeBom({ image, imageId: id, revision, tool: { name, version }, ...times }, components);
      const file = bomFile(folder, image);
      await writeFile(file, `${JSON.stringify(bom, undefined, 2)}\n`);
      return `${relative(ROOT, file)}: ${components.length} components`;
    }),
  );
}

/** The file in a folder that holds an image's bill of materials, whatever its tag. */
export function bomFile(folder: string, image: string): string {
  return join(folder, `${image.replace(/:.*$/, '')}.cdx.json`);
}
