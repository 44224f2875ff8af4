import { objectExists } from '../docker/inspect.ts';
import { DescribedError } from '../process/errors.ts';
import { readHistory } from '../release/history.ts';
import { imageName } from '../release/releases.ts';
import { listStack } from '../stack/containers.ts';
import { findDeployed, tagOf } from '../stack/release.ts';
import { containerName, type StackSettings, serviceOf } from '../stack/stack.ts';

/** What a drill stands on. */
export interface DrillImages {
  postgres: string;
  backend: string;
}

/**
 * The images of the deployed release: those of the stack's containers or, while there are none, those of its history. What was
 * built last may never have come up, and says nothing of a backup.
 * @throws DescribedError when one is not on this host
 */
export async function findDrillImages(settings: StackSettings): Promise<DrillImages> {
  const containers = await listStack(settings);
  const release = findDeployed(readHistory(settings.prefix));
  const choose = async (image: keyof DrillImages, tag: string) => {
    const name = containerName(settings, serviceOf(image));
    const chosen = containers.find((one) => one.name === name)?.imageId ?? imageName(settings, image, tag);
    if (await objectExists('image', chosen)) return chosen;
    throw new DescribedError(`The deployed image ${chosen} is missing`, 'make prod-up');
  };
  return {
    postgres: await choose('postgres', release?.database ?? 'latest'),
    backend: await choose('backend', release ? tagOf(release, 'backend') : 'latest'),
  };
}
