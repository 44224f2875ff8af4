import { readImageSize } from '../docker/images.ts';
import { listStack } from '../stack/containers.ts';
import { findDeployed } from '../stack/release.ts';
import type { StackSettings } from '../stack/stack.ts';
import { readHistory } from './history.ts';
import { imageName, listAppReleases, listImageTags } from './releases.ts';

/** A release whose images are on this host. */
export interface ReleaseRow {
  release: string;
  /** When its images were made, ISO 8601. */
  built: string;
  bytes: number;
  /** When it last took over, ISO 8601; null: never. */
  deployed: string | null;
  runs: boolean;
}

/** @returns the releases of a stack whose images are on this host, the newest first */
export async function listReleaseRows(settings: StackSettings): Promise<ReleaseRow[]> {
  const [names, tags, containers] = await Promise.all([
    listAppReleases(settings),
    listImageTags(settings),
    listStack(settings),
  ]);
  const history = readHistory(settings.prefix);
  const rows = names.map(async (release) => {
    const images = tags.filter(({ tag }) => tag === release);
    const runs = containers.length > 0 && findDeployed(history)?.app === release;
    const deployed =
      history.findLast(({ to, outcome }) => to.app === release && outcome === 'done')?.at ?? null;
    const sizes = await Promise.all(
      images.map(({ image, tag }) => readImageSize(imageName(settings, image, tag))),
    );
    const bytes = sizes.reduce((sum, size) => sum + size, 0);
    return { release, built: images[0]?.created ?? '', bytes, deployed, runs };
  });
  return Promise.all(rows);
}
