import { createHash } from 'node:crypto';
import { inspectImage } from '../docker/images.ts';
import { IMAGES, type ImageName } from '../images/build-argv.ts';
import { DescribedError } from '../process/errors.ts';
import { mustRun, run } from '../process/shell.ts';
import { askRegistry, isMissing } from './client.ts';
import { manifestReference, type ReleaseReference, registryHost, repositoryOf } from './reference-rules.ts';
import { MANIFEST_LABEL, parseReleaseManifest, type ReleaseManifest } from './release-manifest.ts';
import type { SignedIn } from './sign-in.ts';
import { assertSigned } from './signatures.ts';

/** An image of a release that is on this host now. */
export interface BroughtImage {
  image: ImageName;
  /** Where it came from: REPOSITORY@sha256:… */
  reference: string;
  /** Of what it does, whatever its labels say (see hashContent). */
  content: string;
  /** Fingerprints of the public keys that its signatures were checked with; none where none is set. */
  signedBy: string[];
}

/** A release in a registry. */
export interface FoundRelease {
  manifest: ReleaseManifest;
  /** Of the manifest's own image, by digest: what was read, wherever the tag points meanwhile. */
  reference: string;
}

/**
 * Reads a release's manifest.
 * @throws DescribedError when there is none, one of another app, or one of another release
 */
export async function pullManifest(target: ReleaseReference, signedIn: SignedIn): Promise<FoundRelease> {
  const named = manifestReference(target);
  const { stdout } = await askRegistry(['docker', 'pull', named], signedIn);
  const [, digest = ''] = /^Digest: (sha256:[0-9a-f]{64})$/m.exec(stdout) ?? [];
  const reference = `${repositoryOf(target.registry, 'release')}@${digest}`;
  const label = `{{index .Config.Labels "${MANIFEST_LABEL}"}}`;
  const text = await mustRun(['docker', 'image', 'inspect', '--format', label, reference], 'run this again');
  await run(['docker', 'rmi', named]);
  const manifest = parseReleaseManifest(text, named);
  assertNamed(manifest, target);
  return { manifest, reference };
}

/** A signature covers what a manifest says, and not the tag that leads to it: only `latest` may mean any release. */
function assertNamed({ release }: ReleaseManifest, { tag, registry }: ReleaseReference): void {
  if (tag === 'latest' || tag === release) return;
  throw new DescribedError(
    `The name ${tag} leads to another release in ${registryHost(registry)}: ${release}`,
    `somebody moved the name; push ${tag} again where it was built: make prod-push REPLACE=1`,
  );
}

/** Like `pullManifest`; undefined where the registry has no such release. */
export function findRelease(target: ReleaseReference, signedIn: SignedIn): Promise<FoundRelease | undefined> {
  return pullManifest(target, signedIn).catch((error: unknown) => {
    if (isMissing(error)) return undefined;
    throw error;
  });
}

/**
 * Brings the images of a release to this host, each by its digest, and gives them local names.
 * @param publicKeys where there are any, one has to have signed the manifest and each image
 * @param localName the name that an image gets
 * @returns where each came from and which key signed it
 * @throws DescribedError before anything has its local name: another architecture, no signature, a changed image
 */
export async function pullImages(
  { manifest, reference }: FoundRelease,
  signedIn: SignedIn,
  publicKeys: readonly string[],
  localName: (image: ImageName) => string,
): Promise<BroughtImage[]> {
  await assertPlatform(manifest);
  const signer = (one: string) => (publicKeys.length > 0 ? assertSigned(one, publicKeys, signedIn) : []);
  await signer(reference);
  const brought = await Promise.all(
    IMAGES.map(async (image): Promise<BroughtImage> => {
      const byDigest = `${repositoryOf(signedIn.registry, image)}@${manifest.images[image].digest}`;
      const signedBy = await signer(byDigest);
      await pullImage(byDigest, signedIn);
      return { image, reference: byDigest, content: await hashContent(byDigest), signedBy };
    }),
  );
  for (const { image, reference: one } of brought) await renameImage(one, localName(image));
  return brought;
}

/** @param reference with its digest */
export async function pullImage(reference: string, signedIn: SignedIn): Promise<void> {
  await askRegistry(['docker', 'pull', '--quiet', reference], signedIn);
}

/** The name in the registry is taken off again: with it an image would outlive every prune. */
export async function renameImage(reference: string, localName: string): Promise<void> {
  await mustRun(['docker', 'tag', reference, localName], 'run this again');
  await run(['docker', 'rmi', '--no-prune', reference]);
}

/** sha256 of what an image of this host does: its layers and how it is started; empty for one that is not here. */
export async function hashContent(image: string): Promise<string> {
  const found = await inspectImage(image);
  return found ? createHash('sha256').update(found.content).digest('hex') : '';
}

async function assertPlatform({ platform, release }: ReleaseManifest): Promise<void> {
  const here = await enginePlatform();
  if (platform === here) return;
  throw new DescribedError(
    `${release} was built for ${platform}, and this host is ${here}`,
    'build and push it on a host like this one: make prod-build prod-push',
  );
}

/** What the engine runs, such as linux/amd64. */
export async function enginePlatform(): Promise<string> {
  const argv = ['docker', 'version', '--format', '{{.Server.Os}}/{{.Server.Arch}}'];
  return (await mustRun(argv, 'make host-setup')).trim();
}
