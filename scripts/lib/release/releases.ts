import { type ImageInfo, inspectImage } from '../docker/images.ts';
import { objectExists } from '../docker/inspect.ts';
import { IMAGES, type ImageName } from '../images/build-argv.ts';
import { DescribedError } from '../process/errors.ts';
import { $, must, run } from '../process/shell.ts';
import { listStack } from '../stack/containers.ts';
import { findDeployed, isReleaseTag, type Release, tagOf } from '../stack/release.ts';
import { type StackSettings, serviceOf } from '../stack/stack.ts';
import { sayWarning } from '../terminal/report.ts';
import { readHistory } from './history.ts';
import { type Contents, isNamedFor, keepSame, nameParts } from './update-plan.ts';

/** A tag of one of the stack's images. */
export interface ImageTag {
  image: ImageName;
  tag: string;
  id: string;
  created: string;
}

/** The images of a release, or of a build. */
export type Images = Record<ImageName, ImageInfo>;

/** The images that were built last. @throws DescribedError when one is missing */
export function inspectBuilt(settings: StackSettings): Promise<Images> {
  return inspectAll((image) => mustInspect(imageName(settings, image, 'latest')));
}

/**
 * Gives the images that were built last the tags of a release, which from then on always mean these images.
 * @param current what is deployed; parts of it whose contents are the same go on
 * @throws DescribedError when an image is missing
 */
export async function tagLatest(settings: StackSettings, current?: Release): Promise<Release> {
  return tagRelease(settings, await inspectBuilt(settings), current);
}

/**
 * Gives the images of the running containers the tags of a release: a stack that is older than its history.
 * @throws DescribedError when a container is missing
 */
export async function tagRunning(settings: StackSettings): Promise<Release> {
  return tagRelease(settings, await inspectRunning(settings));
}

/** What `tagRunning` would call it. */
export async function nameRunning(settings: StackSettings): Promise<Release> {
  return nameImages(settings, await inspectRunning(settings));
}

async function inspectRunning(settings: StackSettings): Promise<Images> {
  const containers = await listStack(settings);
  return inspectAll((image) =>
    mustInspect(containers.find(({ service }) => service === serviceOf(image))?.imageId ?? image),
  );
}

/** Gives images the tags of a release. */
export async function tagRelease(
  settings: StackSettings,
  images: Images,
  current?: Release,
): Promise<Release> {
  const release = await nameImages(settings, images, current);
  await Promise.all(
    IMAGES.map((image) =>
      tag(
        images[image].id,
        imageName(settings, image, image === 'postgres' ? release.database : release.app),
      ),
    ),
  );
  return release;
}

/** What a release of these images is called; changes nothing. */
export async function nameImages(
  settings: StackSettings,
  images: Images,
  current?: Release,
): Promise<Release> {
  return nameParts(images, current && { release: current, contents: await readContents(settings, current) });
}

/**
 * An earlier release as it is deployed again: parts of the current one whose contents are the same go on.
 * @throws DescribedError when an image is missing
 */
export async function returnTo(settings: StackSettings, app: string, current: Release): Promise<Release> {
  const release = { app, database: current.database };
  await assertImagesThere(settings, release);
  return keepSame(
    release,
    await readContents(settings, release),
    current,
    await readContents(settings, current),
  );
}

/** The contents of the images of a release that are on this host. */
async function readContents(settings: StackSettings, release: Release): Promise<Contents> {
  const images = await Promise.all(
    IMAGES.map((image) => inspectImage(imageName(settings, image, tagOf(release, image)))),
  );
  return Object.fromEntries(IMAGES.map((image, index) => [image, images[index]?.content]));
}

async function inspectAll(ask: (image: ImageName) => Promise<ImageInfo>): Promise<Images> {
  const [postgres, backend, frontend] = await Promise.all([ask('postgres'), ask('backend'), ask('frontend')]);
  return { postgres, backend, frontend };
}

/**
 * Compares the images that run with the name of their release.
 * @param ids of the images of backend and frontend
 * @returns what is wrong, one line each
 */
export async function matchesRelease(
  settings: StackSettings,
  { app }: Release,
  ids: Record<'backend' | 'frontend', string>,
): Promise<string[]> {
  if (!isReleaseTag(app)) return [];
  const parts = ['backend', 'frontend'] as const;
  const [running, tagged] = await Promise.all([
    Promise.all(parts.map((part) => inspectImage(ids[part]))),
    Promise.all(parts.map((part) => inspectImage(imageName(settings, part, app)))),
  ]);
  return isNamedFor(app, running, tagged)
    ? []
    : [`backend and frontend are not the images that ${app} was named for`];
}

async function mustInspect(reference: string): Promise<ImageInfo> {
  const found = await inspectImage(reference);
  if (!found) throw new DescribedError(`There is no image ${reference}`, 'make prod-build');
  return found;
}

/** A name keeps what it means. */
async function tag(id: string, name: string): Promise<void> {
  if (await inspectImage(name)) return;
  await must($`docker tag ${id} ${name}`, 'make prod-build');
}

/** An image of the stack with its tag. */
export function imageName(settings: StackSettings, image: ImageName, tag: string): string {
  return `${settings.prefix}-${image}:${tag}`;
}

/**
 * The release that is deployed and therefore what `prod-up` starts.
 * @returns undefined on a stack that never was up
 * @throws DescribedError when its images are gone
 */
export async function findDeployedRelease(settings: StackSettings): Promise<Release | undefined> {
  const release = findDeployed(readHistory(settings.prefix));
  if (!release) return undefined;
  await assertImagesThere(settings, release);
  return release;
}

/**
 * Looks for the images of a release. A name that was removed while a container runs from it, as by `docker image prune`, is
 * given back.
 * @throws DescribedError when an image is gone
 */
export async function assertImagesThere(settings: StackSettings, release: Release): Promise<void> {
  const names = IMAGES.map((image) => imageName(settings, image, tagOf(release, image)));
  if (await objectExists('image', ...names)) return;
  const containers = await listStack(settings);
  for (const name of names) {
    if (await objectExists('image', name)) continue;
    const id = containers.find(({ image }) => image === name)?.imageId;
    if (id && (await run(['docker', 'tag', id, name])).exitCode === 0) {
      sayWarning(`The name ${name} was removed while its image runs: it is given back`);
      continue;
    }
    throw new DescribedError(
      `The deployed image ${name} is not on this host any more`,
      'deploy what the checkout holds: make prod-update WITH_DATABASE=1',
    );
  }
}

/** Whether the images that were built last hold something else than those of a release. */
export async function findOtherBuild(settings: StackSettings, release: Release): Promise<boolean> {
  const differ = await Promise.all(
    (['backend', 'frontend'] as const).map(async (image) => {
      const names = ['latest', tagOf(release, image)].map((one) => imageName(settings, image, one));
      const [built, deployed] = await Promise.all(names.map(inspectImage));
      return built !== undefined && deployed !== undefined && built.content !== deployed.content;
    }),
  );
  return differ.includes(true);
}

/** All tags of the stack's images on this host, the youngest first. */
export async function listImageTags(settings: StackSettings): Promise<ImageTag[]> {
  const filters = IMAGES.flatMap((image) => ['--filter', `reference=${settings.prefix}-${image}`]);
  const format = '{{.Repository}}:{{.Tag}}';
  const listed = await must($`docker image ls ${filters} --format ${format}`, 'make host-setup');
  const names = listed.split('\n').filter((name) => name && !name.endsWith(':<none>'));
  const tags = await Promise.all(
    names.map(async (name): Promise<ImageTag[]> => {
      const image = IMAGES.find((one) => name.startsWith(`${settings.prefix}-${one}:`));
      const found = await inspectImage(name);
      if (!image || !found) return [];
      const { id, created } = found;
      return [{ image, tag: name.slice(name.indexOf(':') + 1), id, created }];
    }),
  );
  return tags.flat().sort((a, b) => b.created.localeCompare(a.created));
}

/** The releases whose images of backend and frontend are both on this host, the youngest first. */
export async function listAppReleases(settings: StackSettings): Promise<string[]> {
  const tags = await listImageTags(settings);
  const has = (image: ImageName, name: string) => tags.some((one) => one.image === image && one.tag === name);
  const names = tags
    .filter(({ image, tag: name }) => image === 'backend' && isReleaseTag(name))
    .map((one) => one.tag);
  return names.filter((name) => has('frontend', name));
}
