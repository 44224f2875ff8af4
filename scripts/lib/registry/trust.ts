import { IMAGES } from '../images/build-argv.ts';
import { DescribedError } from '../process/errors.ts';
import { imageName } from '../release/releases.ts';
import { readOptionalEnv } from '../stack/env-file.ts';
import { type Release, tagOf } from '../stack/release.ts';
import type { StackSettings } from '../stack/stack.ts';
import { type BroughtImage, hashContent } from './pull.ts';
import { findPulled, type PulledImage } from './pulled.ts';
import { findPublicKeys, fingerprint } from './signatures.ts';

/**
 * Where keys are set nothing is deployed that did not come from a registry just now.
 * @throws DescribedError for what was built or loaded on this host
 */
export async function assertMayDeploy(settings: StackSettings): Promise<void> {
  if (findPublicKeys(await readOptionalEnv(settings.envFile)).length === 0) return;
  throw new DescribedError(
    'COSIGN_PUBLIC_KEY is set: this host deploys signed releases alone, none that was built or loaded here',
    'make prod-update FROM=latest; the first time: make prod-up FROM=latest',
  );
}

/**
 * Where keys are set, each image that is to run came from a registry, was signed by one of them, and is that image still, if
 * it has its name already. It asks what was found when it was pulled, so that a host starts without its registry; prod-verify
 * asks the registry again.
 * @throws DescribedError that names the first that is not
 */
export async function assertReleaseSigned(settings: StackSettings, release: Release): Promise<void> {
  const keys = findPublicKeys(await readOptionalEnv(settings.envFile)).map(fingerprint);
  if (keys.length === 0) return;
  for (const image of IMAGES) {
    const tag = tagOf(release, image);
    const name = imageName(settings, image, tag);
    const pulled = findPulled(settings.prefix, image, tag);
    const problem = judge(pulled, await hashContent(name), keys);
    if (problem) {
      throw new DescribedError(
        `COSIGN_PUBLIC_KEY is set, and ${name} ${problem}`,
        'deploy a signed release: make prod-update FROM=latest WITH_DATABASE=1',
      );
    }
  }
}

/**
 * What prod-up starts is signed where keys are set: what is deployed, or what came from the registry just now.
 * @throws DescribedError that names what is not
 */
export async function assertMayRun(
  settings: StackSettings,
  deployed: Release | undefined,
  brought: readonly BroughtImage[] | undefined,
): Promise<void> {
  if (deployed) await assertReleaseSigned(settings, deployed);
  else if (!brought) await assertMayDeploy(settings);
}

function judge(
  pulled: PulledImage | undefined,
  content: string,
  keys: readonly string[],
): string | undefined {
  if (!pulled) return 'was built or loaded here, and nobody signed it';
  if (content !== '' && content !== pulled.content) return 'is not the image that was pulled';
  return pulled.signedBy.some((key) => keys.includes(key))
    ? undefined
    : 'was not signed by that key when it was pulled';
}
