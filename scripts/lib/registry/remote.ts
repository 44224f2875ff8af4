import { askRegistry, listTags, skopeoArgs } from './client.ts';
import { manifestReference, repositoryOf } from './reference-rules.ts';
import { MANIFEST_LABEL, parseReleaseManifest, type ReleaseManifest } from './release-manifest.ts';
import type { SignedIn } from './sign-in.ts';

/** Each costs a question; a registry that never forgets has more. */
const MOST_RELEASES = 50;

/** A tag of the registry that looks like a release; the manifest is missing where it is none of ours. */
export interface RemoteRelease {
  tag: string;
  manifest: ReleaseManifest | undefined;
  /** Whether `latest` means it. */
  latest: boolean;
}

/** The releases of a registry, the youngest first; one that cannot be read is listed all the same. */
export async function listRemoteReleases(signedIn: SignedIn): Promise<RemoteRelease[]> {
  const { registry } = signedIn;
  const tags = await listTags(repositoryOf(registry, 'release'), signedIn);
  // cosign keeps signatures and statements beside the images, as sha256-….sig and .att.
  const others = tags.filter((tag) => tag !== 'latest' && !/^sha256-[0-9a-f]{64}\./.test(tag));
  const named = [...tags.filter((tag) => tag === 'latest'), ...others.slice(-MOST_RELEASES)];
  const read = await Promise.all(
    named.map(async (tag) => ({
      tag,
      manifest: await readRemote(manifestReference({ registry, tag }), signedIn),
    })),
  );
  const latest = read.find(({ tag }) => tag === 'latest')?.manifest;
  return read
    .filter(({ tag }) => tag !== 'latest')
    .map((one) => ({ ...one, latest: latest !== undefined && one.manifest?.release === latest.release }))
    .sort((a, b) => (b.manifest?.createdAt ?? '').localeCompare(a.manifest?.createdAt ?? ''));
}

async function readRemote(reference: string, signedIn: SignedIn): Promise<ReleaseManifest | undefined> {
  const argv = ['skopeo', 'inspect', '--config', ...skopeoArgs(signedIn), `docker://${reference}`];
  try {
    const { stdout } = await askRegistry(argv, signedIn);
    const { config } = JSON.parse(stdout) as { config?: { Labels?: Record<string, string> | null } };
    return parseReleaseManifest(config?.Labels?.[MANIFEST_LABEL] ?? '', reference);
  } catch {
    // One tag that is no release of ours must not hide the others.
    return undefined;
  }
}
