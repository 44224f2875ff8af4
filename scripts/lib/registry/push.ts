import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { IMAGES, type ImageName } from '../images/build-argv.ts';
import { DescribedError } from '../process/errors.ts';
import { mustRun } from '../process/shell.ts';
import { askRegistry } from './client.ts';
import type { LocalRelease } from './local-release.ts';
import { findRelease, pullManifest } from './pull.ts';
import { describeSent, type PushedImage, pushAs, sendImage } from './push-image.ts';
import { labelLine } from './push-rules.ts';
import { APP_NAME, manifestReference, type ReleaseReference, repositoryOf } from './reference-rules.ts';
import { MANIFEST_LABEL, type ReleaseManifest, sameImages } from './release-manifest.ts';
import type { SignedIn } from './sign-in.ts';
import { readPublicKey, type SigningKey, sign } from './signatures.ts';

/** What a push did. */
export interface Pushed {
  manifest: ReleaseManifest;
  reference: string;
  /** Bytes of compressed layers that the registry did not have. */
  bytes: number;
  /** The registry had exactly this release already. */
  unchanged: boolean;
}

/**
 * Pushes a release: its images, then its manifest, then the name `latest`; whatever is broken off before names nothing that is
 * not whole, and the next run sends only what is missing.
 * @param replace another build may take the place of one that was pushed under the same name
 * @param tell takes a line for each image
 * @throws DescribedError when the name is taken by another build, or the registry refuses
 */
export async function pushRelease(
  local: LocalRelease,
  signedIn: SignedIn,
  options: { key: SigningKey | undefined; replace: boolean; tell: (line: string) => void },
): Promise<Pushed> {
  const target = { registry: signedIn.registry, tag: local.release };
  const before = (await findRelease(target, signedIn))?.manifest;
  const pushed = await pushImages(local, signedIn, options.tell);
  const bytes = IMAGES.reduce((sum, image) => sum + pushed[image].bytes, 0);
  const manifest = makeManifest(local, await local.migrations, {
    postgres: pushed.postgres.released,
    backend: pushed.backend.released,
    frontend: pushed.frontend.released,
  });
  const unchanged = before !== undefined && sameImages(before, manifest);
  if (before && !unchanged && !options.replace) throw takenBy(before, local.release);
  if (!unchanged) await pushManifest(manifest, target, signedIn);
  if (options.key)
    await signAll(unchanged && before ? before : manifest, local, target, signedIn, options.key);
  await tagLatest(target, signedIn);
  return { manifest, reference: manifestReference(target), bytes, unchanged };
}

/** The layers that all share go once, with the first; then the registry has them, and the others go side by side. */
async function pushImages(
  local: LocalRelease,
  signedIn: SignedIn,
  tell: (line: string) => void,
): Promise<Record<ImageName, PushedImage>> {
  const push = async (image: ImageName) => {
    const sent = await sendImage(image, local, signedIn);
    // Not waited for yet: the next image can go meanwhile.
    const look = describeSent(image, local, sent, signedIn);
    look.catch(() => undefined);
    return { look };
  };
  const first = await push('postgres');
  const others = await Promise.all([push('backend'), push('frontend')]);
  const [postgres, backend, frontend] = await Promise.all([first.look, others[0].look, others[1].look]);
  const pushed = { postgres, backend, frontend };
  for (const image of IMAGES)
    tell(`${image}  ${pushed[image].released.digest}  ${pushed[image].bytes} bytes sent`);
  return pushed;
}

function makeManifest(
  local: LocalRelease,
  migrations: string[],
  images: ReleaseManifest['images'],
): ReleaseManifest {
  const { release, revision, platform } = local;
  const createdBy = process.env.SUDO_USER ?? userInfo().username;
  return {
    ...{ app: APP_NAME, release, revision, platform, createdAt: new Date().toISOString(), createdBy },
    ...{ images, migrations },
  };
}

function takenBy({ createdAt, createdBy }: ReleaseManifest, release: string): DescribedError {
  return new DescribedError(
    `${release} is in the registry already, from another build (${createdAt}, by ${createdBy})`,
    'to put this build in its place: make prod-push REPLACE=1',
  );
}

/** An image of nothing but the manifest, which docker can push and pull everywhere. */
async function pushManifest(
  manifest: ReleaseManifest,
  target: ReleaseReference,
  signedIn: SignedIn,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'release-'));
  try {
    const text = JSON.stringify(manifest);
    writeFileSync(join(folder, 'release.json'), `${text}\n`);
    const tar = join(folder, 'release.tar');
    await mustRun(
      ['tar', '--create', '--file', tar, '--directory', folder, 'release.json'],
      'make host-setup',
    );
    const image = `${APP_NAME}-release:${target.tag}`;
    const label = ['--change', labelLine(MANIFEST_LABEL, text)];
    await mustRun(['docker', 'import', ...label, tar, image], 'make host-setup');
    await pushAs(image, manifestReference(target), signedIn);
    await mustRun(['docker', 'rmi', image], 'docker image ls');
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Moves the name `latest` to a release, inside the registry. */
async function tagLatest(target: ReleaseReference, signedIn: SignedIn): Promise<void> {
  const [from, to] = [target, { ...target, tag: 'latest' }].map(
    (one) => `docker://${manifestReference(one)}`,
  );
  const argv = ['skopeo', 'copy', '--quiet', '--preserve-digests', '--authfile', signedIn.authFile];
  await askRegistry([...argv, from ?? '', to ?? ''], signedIn);
}

async function signAll(
  manifest: ReleaseManifest,
  local: LocalRelease,
  target: ReleaseReference,
  signedIn: SignedIn,
  key: SigningKey,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'release-'));
  const [release, publicKey] = ['release.json', 'key.pub'].map((name) => join(folder, name)) as [
    string,
    string,
  ];
  try {
    writeFileSync(publicKey, await readPublicKey(key));
    writeFileSync(release, JSON.stringify(manifest));
    await Promise.all(
      IMAGES.map((image) => {
        const reference = `${repositoryOf(signedIn.registry, image)}@${manifest.images[image].digest}`;
        const bom = { type: 'cyclonedx' as const, file: local.images[image].sbom };
        return sign(reference, key, publicKey, signedIn, bom);
      }),
    );
    const { reference } = await pullManifest(target, signedIn);
    await sign(reference, key, publicKey, signedIn, { type: 'custom', file: release });
  } finally {
    rmSync(folder, { recursive: true });
  }
}
