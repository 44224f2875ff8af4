import { inspectImage } from '../docker/images.ts';
import { IMAGES, type ImageName } from '../images/build-argv.ts';
import { DescribedError, Exit } from '../process/errors.ts';
import { readHistory } from '../release/history.ts';
import { imageName, inspectBuilt, nameImages } from '../release/releases.ts';
import { listStack } from '../stack/containers.ts';
import { readOptionalEnv } from '../stack/env-file.ts';
import { assertDockerReady } from '../stack/preflight.ts';
import { findDeployed, type Release, tagOf } from '../stack/release.ts';
import type { StackSettings } from '../stack/stack.ts';
import { say } from '../terminal/report.ts';
import { type BroughtImage, hashContent, pullImage, pullImages, pullManifest, renameImage } from './pull.ts';
import { findPulled, notePulled, readPulled } from './pulled.ts';
import { parseFrom } from './reference-rules.ts';
import { withSignIn } from './sign-in.ts';
import { assertCosign, findPublicKeys } from './signatures.ts';

/**
 * Brings a release from a registry: its images become those that were "built last", from where every deployment goes on.
 * @param from `latest`, a release's name, or REGISTRY:RELEASE
 * @returns where each image came from, to be noted once it is known under which tag it is deployed
 * @throws DescribedError, with everything here as it was: what the registry refuses, or what is not signed
 */
export async function bringRelease(settings: StackSettings, from: string): Promise<BroughtImage[]> {
  const env = await readOptionalEnv(settings.envFile);
  const keys = findPublicKeys(env);
  if (keys.length > 0) await assertCosign();
  const target = parseFrom(from, env.REGISTRY ?? '');
  return withSignIn(target.registry, env, async (signedIn) => {
    const found = await pullManifest(target, signedIn);
    const brought = await pullImages(found, signedIn, keys, (image) => imageName(settings, image, 'latest'));
    const { release, createdAt, createdBy } = found.manifest;
    say(
      `  ${release} of ${createdAt}, by ${createdBy}, pulled by digest${keys.length > 0 ? ', signed' : ''}`,
    );
    return brought;
  });
}

/**
 * What prod-up needs of a registry: the release that it is given, or what was pruned of the deployed one while it was down.
 * @throws DescribedError as `bringFirst` and `bringBack`
 */
export async function bringForUp(
  settings: StackSettings,
  from: string | undefined,
): Promise<BroughtImage[] | undefined> {
  if (!from && readPulled(settings.prefix).length === 0) return;
  await assertDockerReady();
  if (from) return bringFirst(settings, from);
  const deployed = findDeployed(readHistory(settings.prefix));
  // A container keeps its image, whatever became of the name.
  if (deployed && (await listStack(settings)).length === 0) await bringBack(settings, deployed);
}

/**
 * `bringRelease` on a stack that nothing was deployed on yet, or of which nothing is left here.
 * @throws DescribedError (exit 2) on another: an update drops no request, and this would
 */
async function bringFirst(settings: StackSettings, from: string): Promise<BroughtImage[]> {
  const deployed = findDeployed(readHistory(settings.prefix));
  if (deployed && (await listMissing(settings, deployed)).length < IMAGES.length) {
    const again = `make prod-update FROM=${from}; where it is stopped: make prod-up`;
    throw new DescribedError(`${settings.prefix} has ${deployed.app} already`, again, Exit.usage);
  }
  const brought = await bringRelease(settings, from);
  await noteRelease(settings, await nameImages(settings, await inspectBuilt(settings)), brought);
  return brought;
}

async function listMissing(settings: StackSettings, release: Release): Promise<ImageName[]> {
  const found = await Promise.all(
    IMAGES.map((image) => inspectImage(imageName(settings, image, tagOf(release, image)))),
  );
  return IMAGES.filter((_, index) => !found[index]);
}

/** Notes where the images of a release come from; a part that stays as it was, with other contents, is not of it. */
export async function noteRelease(
  settings: StackSettings,
  release: Release,
  brought: readonly BroughtImage[],
): Promise<void> {
  const isOf = await Promise.all(
    brought.map(async ({ image, content }) => {
      const here = await hashContent(imageName(settings, image, tagOf(release, image)));
      return here === '' || here === content;
    }),
  );
  notePulled(
    settings.prefix,
    release,
    brought.filter((_, index) => isOf[index]),
  );
}

/**
 * Pulls again those images of a release that came from a registry and were pruned since.
 * @throws DescribedError when the registry does not give them
 */
export async function bringBack(settings: StackSettings, release: Release): Promise<void> {
  if (readPulled(settings.prefix).length === 0) return;
  const env = await readOptionalEnv(settings.envFile);
  for (const image of await listMissing(settings, release)) {
    const pulled = findPulled(settings.prefix, image, tagOf(release, image));
    if (!pulled) continue;
    say(`  ${image}:${pulled.tag} is pulled again`);
    const registry = pulled.reference.replace(/\/[^/]*$/, '');
    await withSignIn(registry, env, (signedIn) => pullImage(pulled.reference, signedIn));
    await renameImage(pulled.reference, imageName(settings, image, pulled.tag));
  }
}

/** Tags of releases whose parts all came from a registry: they can be gone back to without being here. */
export function listPulledReleases(prefix: string): string[] {
  const tagsOf = (image: ImageName) =>
    readPulled(prefix).flatMap((one) => (one.image === image ? [one.tag] : []));
  const frontends = new Set(tagsOf('frontend'));
  return tagsOf('backend').filter((tag) => frontends.has(tag));
}
