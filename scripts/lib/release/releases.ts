import { createHash } from 'node:crypto';
import { type ImageInfo, inspectImage } from '../docker/images.ts';
import { IMAGES, type ImageName } from '../images/build-argv.ts';
import { DescribedError } from '../process/errors.ts';
import { mustRun, run } from '../process/shell.ts';
import { listStack } from '../stack/containers.ts';
import { findDeployed, isReleaseTag, nameRelease, type Release } from '../stack/release.ts';
import type { StackSettings } from '../stack/stack.ts';
import { readHistory } from './history.ts';

/** A tag of one of the stack's images. */
export interface ImageTag {
  image: ImageName;
  tag: string;
  id: string;
  created: string;
  size: number;
}

/**
 * Gives the images that were built last the tags of a release, which from then on always mean these images.
 * @param current what is deployed; its database stays where the new image's contents are the same
 * @throws DescribedError when an image is missing
 */
export async function tagLatest(settings: StackSettings, current?: Release): Promise<Release> {
  const [backend, frontend, postgres] = await Promise.all([
    mustInspect(imageName(settings, 'backend', 'latest')),
    mustInspect(imageName(settings, 'frontend', 'latest')),
    mustInspect(imageName(settings, 'postgres', 'latest')),
  ]);
  return tagRelease(settings, { backend, frontend, postgres }, current);
}

/**
 * Gives the images of the running containers the tags of a release: a stack that is older than its history.
 * @throws DescribedError when a container is missing
 */
export async function tagRunning(settings: StackSettings): Promise<Release> {
  const containers = await listStack(settings);
  const ofService = (image: ImageName) =>
    mustInspect(containers.find(({ service }) => service === `kidney-genetics-${image}`)?.imageId ?? image);
  const [backend, frontend, postgres] = await Promise.all([
    ofService('backend'),
    ofService('frontend'),
    ofService('postgres'),
  ]);
  return tagRelease(settings, { backend, frontend, postgres });
}

async function tagRelease(
  settings: StackSettings,
  { backend, frontend, postgres }: Record<ImageName, ImageInfo>,
  current?: Release,
): Promise<Release> {
  const app = nameRelease(backend.labels, digest(backend.id, frontend.id));
  const running = current && (await inspectImage(imageName(settings, 'postgres', current.database)));
  const same = running !== undefined && running.content === postgres.content;
  const database = same && current ? current.database : nameRelease(postgres.labels, digest(postgres.id));
  await Promise.all([
    tag(settings, 'backend', backend.id, app),
    tag(settings, 'frontend', frontend.id, app),
    same ? undefined : tag(settings, 'postgres', postgres.id, database),
  ]);
  return { app, database };
}

function digest(...ids: readonly string[]): string {
  return createHash('sha256').update(ids.join()).digest('hex');
}

/**
 * Whether images are those that a release was named for: its name ends in a digest of their ids.
 * @returns what is wrong, one line each
 */
export function matchesRelease(
  { app }: Release,
  { backend, frontend }: Record<'backend' | 'frontend', string>,
): string[] {
  if (!isReleaseTag(app) || app.endsWith(`-${digest(backend, frontend).slice(0, 6)}`)) return [];
  return [`backend and frontend are not the images that ${app} was named for`];
}

async function mustInspect(reference: string): Promise<ImageInfo> {
  const found = await inspectImage(reference);
  if (!found) throw new DescribedError(`There is no image ${reference}`, 'make prod-build');
  return found;
}

function tag(settings: StackSettings, image: ImageName, id: string, name: string): Promise<string> {
  return mustRun(['docker', 'tag', id, imageName(settings, image, name)], 'make prod-build');
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

/** @throws DescribedError when an image of a release is gone */
export async function assertImagesThere(settings: StackSettings, release: Release): Promise<void> {
  const names = IMAGES.map((image) =>
    imageName(settings, image, image === 'postgres' ? release.database : release.app),
  );
  const { exitCode } = await run(['docker', 'image', 'inspect', '--format', '{{.Id}}', ...names]);
  if (exitCode === 0) return;
  const found = await Promise.all(names.map(inspectImage));
  throw new DescribedError(
    `The deployed image ${names.find((_, index) => !found[index])} is not on this host any more`,
    'deploy what the checkout holds: make prod-update WITH_DATABASE=1',
  );
}

/** Whether the images that were built last are others than those of a release. */
export async function findOtherBuild(settings: StackSettings, release: Release): Promise<boolean> {
  const images = (['backend', 'frontend'] as const).flatMap((image) =>
    ['latest', release.app].map((tag) => inspectImage(imageName(settings, image, tag))),
  );
  const [backend, deployedBackend, frontend, deployedFrontend] = await Promise.all(images);
  const differ = (a?: ImageInfo, b?: ImageInfo) => a !== undefined && b !== undefined && a.id !== b.id;
  return differ(backend, deployedBackend) || differ(frontend, deployedFrontend);
}

/** All tags of the stack's images on this host, the youngest first. */
export async function listImageTags(settings: StackSettings): Promise<ImageTag[]> {
  const filters = IMAGES.flatMap((image) => ['--filter', `reference=${settings.prefix}-${image}`]);
  const format = '{{.Repository}}:{{.Tag}}';
  const listed = await mustRun(['docker', 'image', 'ls', ...filters, '--format', format], 'make host-setup');
  const names = listed.split('\n').filter((name) => name && !name.endsWith(':<none>'));
  const tags = await Promise.all(
    names.map(async (name): Promise<ImageTag[]> => {
      const image = IMAGES.find((one) => name.startsWith(`${settings.prefix}-${one}:`));
      const found = await inspectImage(name);
      if (!image || !found) return [];
      const { id, created, size } = found;
      return [{ image, tag: name.slice(name.indexOf(':') + 1), id, created, size }];
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
