import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installTools } from './lib/host/test-tools.ts';
import { beginChanges } from './lib/process/changes.ts';
import { describeRelease } from './lib/registry/local-release.ts';
import { pushRelease } from './lib/registry/push.ts';
import { chooseRegistry } from './lib/registry/settings.ts';
import { withSignIn } from './lib/registry/sign-in.ts';
import { findSigningKey, readPublicKey } from './lib/registry/signatures.ts';
import { readOptionalEnv } from './lib/stack/env-file.ts';
import { assertDockerReady } from './lib/stack/preflight.ts';
import { loadSettings } from './lib/stack/project.ts';
import { main } from './lib/terminal/cli.ts';
import { formatBytes, formatDuration, say, sayOk, sayWarning } from './lib/terminal/report.ts';

const USAGE = `
Pushes the images that were built last to a registry, as VERSION-REVISION and as latest, with one manifest that names
them by digest; signs all of it where there is a key. Sends only what the registry lacks.

  make prod-push REGISTRY=ghcr.io/owner      or REGISTRY in .env.production
  make prod-push REPLACE=1                   another build takes the place of one of the same name
  npx tsx scripts/push.ts [--registry REGISTRY] [--replace] [--json]

Deploy it: make prod-update FROM=latest. Signing in and keys: docs/operations/registry.md`;

main(import.meta.url, {
  usage: USAGE,
  options: {
    registry: { type: 'string' },
    replace: { type: 'boolean' },
    json: { type: 'boolean' },
  },
  async run(flags) {
    const startedAt = Date.now();
    const settings = loadSettings();
    const env = await readOptionalEnv(settings.envFile);
    const registry = chooseRegistry(env, flags.registry);
    await assertDockerReady();
    beginChanges('prod-push');
    await installTools(['skopeo'], 'prod-push');
    const key = findSigningKey(env);
    if (key) await readPublicKey(key);
    const folder = mkdtempSync(join(tmpdir(), 'sbom-'));
    const tell = (line: string) => (flags.json ? undefined : say(`  ${line}`));
    try {
      const local = await describeRelease(settings, folder);
      const pushed = await withSignIn(registry, env, (signedIn) =>
        pushRelease(local, signedIn, { key, replace: flags.replace === true, tell }),
      );
      if (flags.json) return say(JSON.stringify(pushed, null, 2));
      if (local.release.endsWith('-dirty'))
        sayWarning('The checkout has changes that are not committed: nobody can build this release again');
      const took = formatDuration(Date.now() - startedAt);
      const what = pushed.unchanged ? 'is there already' : `is pushed, ${formatBytes(pushed.bytes)} sent`;
      sayOk(`${pushed.reference} ${what}${key ? ', signed' : ''} (${took})`);
      say(`  Deploy it: make prod-update FROM=${pushed.manifest.release}`);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
});
