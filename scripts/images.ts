import { installTools } from './lib/host/test-tools.ts';
import { lockStack } from './lib/process/lock.ts';
import { toPrintable } from './lib/process/printable.ts';
import { listRemoteReleases } from './lib/registry/remote.ts';
import { chooseRegistry } from './lib/registry/settings.ts';
import { withSignIn } from './lib/registry/sign-in.ts';
import { listReleaseRows, type ReleaseRow } from './lib/release/list.ts';
import { pruneImages } from './lib/release/prune.ts';
import { readOptionalEnv } from './lib/stack/env-file.ts';
import { openStack } from './lib/stack/open.ts';
import { assertDockerReady } from './lib/stack/preflight.ts';
import { KEPT_RELEASES } from './lib/stack/release.ts';
import type { StackSettings } from './lib/stack/stack.ts';
import { main } from './lib/terminal/cli.ts';
import { formatBytes, formatDuration, formatTable, paint, say, sayOk } from './lib/terminal/report.ts';

const USAGE = `
Lists the releases whose images are on this host: how old and large they are, when they ran, which one runs.

  make prod-images
  make prod-images PRUNE=1     keep the last ${KEPT_RELEASES} and what runs, remove the rest
  make prod-images REMOTE=1    the releases of the registry
  npx tsx scripts/images.ts [--prune | --remote] [--json]`;

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
    const rows = await listReleaseRows(settings);
    if (flags.json) say(JSON.stringify(rows, null, 2));
    else if (rows.length === 0) say('No release is on this host yet: make prod-up');
    else {
      const head = ['RELEASE', 'BUILT', 'SIZE', 'DEPLOYED', ''].map((word) => paint('bold', word));
      say(formatTable([head, ...rows.map(toCells)]));
    }
  },
});
