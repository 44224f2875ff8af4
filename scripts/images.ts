import { readImageSize } from './lib/docker/images.ts';
import { installTools } from './lib/host/test-tools.ts';
import { lockStack } from './lib/process/lock.ts';
import { toPrintable } from './lib/process/printable.ts';
import { listRemoteReleases } from './lib/registry/remote.ts';
import { chooseRegistry } from './lib/registry/settings.ts';
import { withSignIn } from './lib/registry/sign-in.ts';
import { readHistory } from './lib/release/history.ts';
import { pruneImages } from './lib/release/prune.ts';
import { imageName, listAppReleases, listImageTags } from './lib/release/releases.ts';
import { listStack } from './lib/stack/containers.ts';
import { readOptionalEnv } from './lib/stack/env-file.ts';
import { openStack } from './lib/stack/open.ts';
import { assertDockerReady } from './lib/stack/preflight.ts';
import { findDeployed, KEPT_RELEASES } from './lib/stack/release.ts';
import type { StackSettings } from './lib/stack/stack.ts';
import { main } from './lib/terminal/cli.ts';
import { formatBytes, formatDuration, formatTable, paint, say, sayOk } from './lib/terminal/report.ts';

const USAGE = `
Lists the releases whose images are on this host: how old and large they are, when they ran, which one runs.

  make prod-images
  make prod-images PRUNE=1     keep the last ${KEPT_RELEASES} and what runs, remove the rest
  make prod-images REMOTE=1    the releases of the registry
  npx tsx scripts/images.ts [--prune | --remote] [--json]`;

interface ReleaseRow {
  release: string;
  built: string;
  bytes: number;
  deployed: string | null;
  runs: boolean;
}

async function listRows(): Promise<ReleaseRow[]> {
  const settings = await openStack();
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

function toCells({ release, built, bytes, deployed, runs }: ReleaseRow): string[] {
  const ago = (at: string) => `${formatDuration(Date.now() - Date.parse(at))} ago`;
  return [
    release,
    ago(built),
    formatBytes(bytes),
    deployed ? ago(deployed) : 'never',
    runs ? paint('green', 'runs') : '',
  ];
}

/** The releases of the registry: which one `latest` means, and which are here. */
async function sayRemote(settings: StackSettings, json: boolean): Promise<void> {
  const env = await readOptionalEnv(settings.envFile);
  await installTools(['skopeo'], 'prod-images REMOTE=1');
  const rows = await withSignIn(chooseRegistry(env), env, listRemoteReleases);
  if (json) return say(JSON.stringify(rows, null, 2));
  if (rows.length === 0) return say('No release is in the registry yet: make prod-push');
  const cells = rows.map(({ tag, manifest, latest }) => [
    toPrintable(tag),
    manifest ? manifest.createdAt.slice(0, 16).replace('T', ' ') : 'no release of ours',
    manifest?.createdBy ?? '',
    latest ? paint('green', 'latest') : '',
  ]);
  say(formatTable([['RELEASE', 'PUSHED (UTC)', 'BY', ''].map((word) => paint('bold', word)), ...cells]));
}

main(import.meta.url, {
  usage: USAGE,
  options: { prune: { type: 'boolean' }, remote: { type: 'boolean' }, json: { type: 'boolean' } },
  async run(flags) {
    const settings = await openStack();
    await assertDockerReady();
    if (flags.remote) return sayRemote(settings, flags.json === true);
    if (flags.prune) {
      lockStack(settings.prefix, 'make prod-images PRUNE=1');
      const removed = await pruneImages(settings);
      if (!flags.json) sayOk(`Removed ${removed.length} image names`);
    }
    const rows = await listRows();
    if (flags.json) say(JSON.stringify(rows, null, 2));
    else if (rows.length === 0) say('No release is on this host yet: make prod-up');
    else {
      const head = ['RELEASE', 'BUILT', 'SIZE', 'DEPLOYED', ''].map((word) => paint('bold', word));
      say(formatTable([head, ...rows.map(toCells)]));
    }
  },
});
