import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { ImageName } from '../images/build-argv.ts';
import { mustRun } from '../process/shell.ts';
import { askRegistry, readLayers } from './client.ts';
import type { LocalRelease } from './local-release.ts';
import { parsePush, sumSent } from './push-rules.ts';
import { repositoryOf } from './reference-rules.ts';
import type { ReleasedImage } from './release-manifest.ts';
import type { SignedIn } from './sign-in.ts';

/**
 * Pushes an image of a release.
 * @returns what the manifest says of it, and the bytes of the compressed layers that the registry did not have
 * @throws DescribedError when the registry refuses
 */
export async function pushImage(
  image: ImageName,
  { release, images, written }: LocalRelease,
  signedIn: SignedIn,
): Promise<{ released: ReleasedImage; bytes: number }> {
  const { name, sbom } = images[image];
  const repository = repositoryOf(signedIn.registry, image);
  const { digest, sent } = await pushAs(name, `${repository}:${release}`, signedIn);
  const inspected = JSON.parse(
    await mustRun(['docker', 'image', 'inspect', name, '--format', '{{json .}}'], 'make prod-build'),
  ) as { Id: string; RootFS: { Layers: string[] }; Config: { Labels: Record<string, string> | null } };
  const base = inspected.Config.Labels?.['org.opencontainers.image.base.name'] ?? '';
  await written;
  const layers = sent.length > 0 ? await readLayers(`${repository}@${digest}`, signedIn) : [];
  return {
    bytes: sumSent(sent, layers, inspected.RootFS.Layers),
    released: {
      ...{ digest, id: inspected.Id, base, baseCreated: await whenMade(base) },
      sbom: createHash('sha256').update(readFileSync(sbom)).digest('hex'),
    },
  };
}

/** ISO time of an image; empty where this host does not have it. */
async function whenMade(image: string): Promise<string> {
  if (image === '') return '';
  const argv = ['docker', 'image', 'inspect', '--format', '{{.Created}}', image];
  return mustRun(argv, '').then(
    (created) => created.trim(),
    () => '',
  );
}

/**
 * Pushes an image under a name of the registry, which is taken off this host again: nobody else's prune has to know it.
 * @returns its digest there, and the short ids of the layers that were sent
 */
export async function pushAs(
  image: string,
  reference: string,
  signedIn: SignedIn,
): Promise<{ digest: string; sent: string[] }> {
  await mustRun(['docker', 'tag', image, reference], 'make prod-build');
  try {
    const { stdout } = await askRegistry(['docker', 'push', reference], signedIn);
    return parsePush(stdout);
  } finally {
    await mustRun(['docker', 'rmi', '--no-prune', reference], 'docker image ls');
  }
}
