import { inspect } from './inspect.ts';

/** An image as the engine describes it. */
export interface ImageInfo {
  id: string;
  labels: Record<string, string>;
  created: string;
  size: number;
  /** What the image does, whatever its labels say: equal texts mean equal contents. */
  content: string;
  /** PostgreSQL's major version; empty in other images. */
  postgresMajor: string;
}

/** @returns undefined where there is no such image */
export async function inspectImage(reference: string): Promise<ImageInfo | undefined> {
  const [raw] = await inspect('image', [reference]);
  if (!raw) return undefined;
  const { Labels, Env, Cmd, Entrypoint, User, StopSignal } = raw.Config;
  return {
    id: raw.Id,
    labels: Labels ?? {},
    created: raw.Created,
    size: raw.Size,
    content: JSON.stringify([raw.RootFS.Layers, Env, Cmd, Entrypoint, User, StopSignal]),
    postgresMajor: (Env ?? []).find((entry) => entry.startsWith('PG_MAJOR='))?.slice(9) ?? '',
  };
}
