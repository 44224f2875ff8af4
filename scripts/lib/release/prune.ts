import { appendFileSync, closeSync, existsSync, openSync, readSync, statSync, truncateSync } from 'node:fs';
import { ENGINE_LOG } from '../host/engine.ts';
import { IMAGES } from '../images/build-argv.ts';
import { $, must, mustRun, run } from '../process/shell.ts';
import { listStack } from '../stack/containers.ts';
import { findDeployed, isReleaseTag, listDeployed, listExpired, tagOf } from '../stack/release.ts';
import type { StackSettings } from '../stack/stack.ts';
import { readHistory } from './history.ts';
import { findOurCache } from './prune-rules.ts';
import { type ImageTag, imageName, listImageTags } from './releases.ts';

const MAX_LOG_BYTES = 10 * 1024 ** 2;
const KEPT_LOG_BYTES = 1024 ** 2;
/**
 * Removes the tags of images that neither run, nor are deployed, nor belong to the last releases.
 * @returns the names that were removed
 */
export async function pruneImages(settings: StackSettings): Promise<string[]> {
  const [tags, containers] = await Promise.all([listImageTags(settings), listStack(settings)]);
  const history = readHistory(settings.prefix);
  const running = new Set(containers.map(({ imageId }) => imageId));
  const removed: string[] = [];
  for (const image of IMAGES) {
    const part = image === 'postgres' ? 'database' : 'app';
    const ours = tags.filter((one) => one.image === image);
    const releases = ours.map(({ tag }) => tag).filter(isReleaseTag);
    const inUse = ours.filter(({ id }) => running.has(id)).map(({ tag }) => tag);
    const release = findDeployed(history);
    const deployed = release ? [release[part], tagOf(release, image)] : [];
    const order = listDeployed(history, part);
    const expired = new Set(listExpired(releases, order, [...inUse, ...deployed]));
    const isKept = ({ tag }: ImageTag) => tag === 'latest' || (isReleaseTag(tag) && !expired.has(tag));
    const keptIds = new Set(ours.filter(isKept).map(({ id }) => id));
    // A tag that a build gave stays as long as its image does.
    for (const { tag } of ours.filter((one) => expired.has(one.tag) || !keptIds.has(one.id))) {
      const name = imageName(settings, image, tag);
      if ((await run(['docker', 'image', 'rm', name])).exitCode === 0) removed.push(name);
    }
  }
  return removed;
}

/**
 * Removes cache that our own builds left and no build has used for a while; that of other projects stays.
 * @param age such as 24h
 * @returns how many records were removed
 */
export async function pruneBuildCache(age: string): Promise<number> {
  let removed = 0;
  // A record that others are made from can go only after them: again, until nothing goes any more.
  for (let gone = -1; gone !== 0; removed += gone) {
    gone = 0;
    const listing = await must($`docker buildx du --verbose`, 'make host-setup');
    for (const id of findOurCache(listing)) {
      const filters = ['--filter', `id=${id}`, '--filter', `until=${age}`];
      const { stdout } = await run(['docker', 'buildx', 'prune', '--force', ...filters]);
      if (stdout.includes(id)) gone += 1;
    }
  }
  return removed;
}

/**
 * Removes images of ours that have no name any more: a build took it from them.
 * @returns how many; one that a container runs from stays
 */
export async function pruneNameless(): Promise<number> {
  const titles = IMAGES.map((image) => `label=org.opencontainers.image.title=kidney-genetics-${image}`);
  let removed = 0;
  for (const title of titles) {
    const filters = ['--filter', 'dangling=true', '--filter', title];
    const listed = await mustRun(
      ['docker', 'image', 'ls', '--quiet', '--no-trunc', ...filters],
      'make host-setup',
    );
    for (const id of new Set(listed.split('\n').filter(Boolean))) {
      if ((await run(['docker', 'image', 'rm', id])).exitCode === 0) removed += 1;
    }
  }
  return removed;
}

/**
 * Shortens the log of an engine that host-setup started: nothing else rotates it. Logs of containers rotate by themselves.
 * @param path the log
 * @returns the bytes that were freed
 */
export function pruneEngineLog(path = ENGINE_LOG): number {
  if (!existsSync(path)) return 0;
  const { size } = statSync(path);
  if (size <= MAX_LOG_BYTES) return 0;
  const end = Buffer.alloc(KEPT_LOG_BYTES);
  const file = openSync(path, 'r');
  const read = readSync(file, end, 0, end.length, size - end.length);
  closeSync(file);
  // The engine appends, so that it goes on at the new end.
  truncateSync(path, 0);
  appendFileSync(path, end.subarray(end.indexOf('\n') + 1, read));
  return size - read;
}
