import { run } from '../process/shell.ts';

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

interface Inspected {
  Id: string;
  Created: string;
  Size: number;
  RootFS: { Layers: string[] };
  Config: { Labels: Record<string, string> | null; Env: string[] | null } & Record<string, unknown>;
}

/** @returns undefined where there is no such image */
export async function inspectImage(reference: string): Promise<ImageInfo | undefined> {
  const { exitCode, stdout } = await run(['docker', 'image', 'inspect', reference]);
  if (exitCode !== 0) return undefined;
  const [raw] = JSON.parse(stdout) as [Inspected];
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
