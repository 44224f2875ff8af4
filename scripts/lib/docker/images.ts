import { run } from '../process/shell.ts';
import { type InspectedImage, inspect } from './inspect.ts';

/** An image as the engine describes it. */
export interface ImageInfo {
  id: string;
  labels: Record<string, string>;
  created: string;
  /** What the image does, whatever its labels and its revision say: equal texts mean equal contents. */
  content: string;
  /** PostgreSQL's major version; empty in other images. */
  postgresMajor: string;
}

/** @returns undefined where there is no such image */
export async function inspectImage(reference: string): Promise<ImageInfo | undefined> {
  const [raw] = await inspect('image', [reference]);
  if (!raw) return undefined;
  const { Labels, Env } = raw.Config;
  return {
    id: raw.Id,
    labels: Labels ?? {},
    created: raw.Created,
    content: describeContent(raw),
    postgresMajor: (Env ?? []).find((entry) => entry.startsWith('PG_MAJOR='))?.slice(9) ?? '',
  };
}

/** Bytes of an image's layers as they lie unpacked; the containerd image store says the packed size elsewhere. */
export async function readImageSize(reference: string): Promise<number> {
  const { stdout } = await run(['docker', 'history', '--human=false', '--format', '{{.Size}}', reference]);
  return stdout.split('\n').reduce((sum, size) => sum + Number(size), 0);
}

/**
 * Layers by the digests of their contents, and what is set; the engine's id covers labels, the time of the build and its provenance
 * as well. Which fields that nobody set are there, empty, differs between engines.
 */
export function describeContent({ RootFS, Config }: Pick<InspectedImage, 'RootFS' | 'Config'>): string {
  const { Labels: _, Env, ...config } = Config;
  const env = (Env ?? []).filter((entry) => !entry.startsWith('APP_REVISION='));
  const isSet = (value: unknown) => Boolean(value) && !['[]', '{}'].includes(JSON.stringify(value));
  const set = Object.entries(config).filter(([, value]) => isSet(value));
  return JSON.stringify([RootFS.Layers, env, set.sort()]);
}
