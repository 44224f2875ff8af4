import { appendFileSync, closeSync, existsSync, openSync, readSync, statSync, truncateSync } from 'node:fs';
import { ENGINE_LOG } from '../host/engine.ts';
import { IMAGES } from '../images/build-argv.ts';
import { mustRun, run } from '../process/shell.ts';
import { listStack } from '../stack/containers.ts';
import { findDeployed, isReleaseTag, listDeployed, listExpired } from '../stack/release.ts';
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
    const deployed = findDeployed(history)?.[part];
    const order = listDeployed(history, part);
    const expired = new Set(listExpired(releases, order, deployed ? [...inUse, deployed] : inUse));
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
  const records = findOurCache(await mustRun(['docker', 'buildx', 'du', '--verbose'], 'make host-setup'));
  let removed = 0;
  for (const id of records) {
    const filters = ['--filter', `id=${id}`, '--filter', `until=${age}`];
    const { stdout } = await run(['docker', 'buildx', 'prune', '--force', ...filters]);
    if (stdout.includes(id)) removed += 1;
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
