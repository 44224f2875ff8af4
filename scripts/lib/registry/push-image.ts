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

/** What the manifest says of an image that was pushed, and the bytes of compressed layers that the registry did not have. */
export interface PushedImage {
  released: ReleasedImage;
  bytes: number;
}

/** What `docker push` said: the digest there, and the short ids of the layers that were sent. */
interface Sent {
  digest: string;
  sent: string[];
}

/** Pushes an image of a release. @throws DescribedError when the registry refuses */
export function sendImage(
  image: ImageName,
  { release, images }: LocalRelease,
  signedIn: SignedIn,
): Promise<Sent> {
  return pushAs(images[image].name, `${repositoryOf(signedIn.registry, image)}:${release}`, signedIn);
}

/** Looks at what was pushed, here and in the registry. */
export async function describeSent(
  image: ImageName,
  { images, written }: LocalRelease,
  { digest, sent }: Sent,
  signedIn: SignedIn,
): Promise<PushedImage> {
  const { name, sbom } = images[image];
  const inspected = JSON.parse(
    await mustRun(['docker', 'image', 'inspect', name, '--format', '{{json .}}'], 'make prod-build'),
  ) as { Id: string; RootFS: { Layers: string[] }; Config: { Labels: Record<string, string> | null } };
  const base = inspected.Config.Labels?.['org.opencontainers.image.base.name'] ?? '';
  const byDigest = `${repositoryOf(signedIn.registry, image)}@${digest}`;
  const layers = sent.length > 0 ? await readLayers(byDigest, signedIn) : [];
  await written;
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
 */
export async function pushAs(image: string, reference: string, signedIn: SignedIn): Promise<Sent> {
  await mustRun(['docker', 'tag', image, reference], 'make prod-build');
  try {
    const { stdout } = await askRegistry(['docker', 'push', reference], signedIn);
    return parsePush(stdout);
  } finally {
    await mustRun(['docker', 'rmi', '--no-prune', reference], 'docker image ls');
  }
}
