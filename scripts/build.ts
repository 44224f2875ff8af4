import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { type Bases, resolveBases } from './lib/images/base-images.ts';
import { type BuildFacts, buildArgv, IMAGES, type ImageName } from './lib/images/build-argv.ts';
import { beginChanges } from './lib/process/changes.ts';
import { DescribedError } from './lib/process/errors.ts';
import { ROOT } from './lib/process/root.ts';
import { $, mustRun } from './lib/process/shell.ts';
import { envFileExists, readEnvValues } from './lib/stack/env-file.ts';
import { openStack } from './lib/stack/open.ts';
import { assertDockerReady } from './lib/stack/preflight.ts';
import { containerName, type StackSettings } from './lib/stack/stack.ts';
import { main } from './lib/terminal/cli.ts';
import { formatDuration, say, sayOk } from './lib/terminal/report.ts';

const USAGE = `
Builds the images of the stack, side by side; tags each with version and git revision and as latest.

  make prod-build                 with the cache
  make prod-build NO_CACHE=1      from scratch
  npx tsx scripts/build.ts [--no-cache]`;

/**
 * Builds all images.
 * @throws DescribedError with the end of a failed build's output
 */
export async function build(settings: StackSettings, noCache = false): Promise<void> {
  if (!existsSync(join(ROOT, 'backend'))) {
    const hint =
      'deploy a release of the registry: make prod-up FROM=latest, later make prod-update FROM=latest';
    throw new DescribedError('This checkout has no sources of the application to build', hint);
  }
  const bases = await resolveBases();
  const facts = await collectFacts(settings, bases, noCache);
  await Promise.all(IMAGES.map((image) => buildImage(image, facts)));
}

async function buildImage(image: ImageName, facts: BuildFacts): Promise<void> {
  const startedAt = Date.now();
  say(`  ${image}: building on ${facts.bases[image]}`);
  await mustRun(
    buildArgv(image, facts),
    `see the whole output: docker build -f deploy/${image}.Dockerfile .`,
    {
      cwd: ROOT,
      // Provenance belongs to what is pushed: with it every build is another image, whatever it holds.
      env: { DOCKER_BUILDKIT: '1', BUILDX_NO_DEFAULT_ATTESTATIONS: '1' },
    },
  );
  sayOk(
    `${facts.prefix}-${image}:${facts.version}-${facts.revision} built in ${formatDuration(Date.now() - startedAt)}`,
  );
}

async function collectFacts(settings: StackSettings, bases: Bases, noCache: boolean): Promise<BuildFacts> {
  const manifest = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as { version: string };
  const env = (await envFileExists(settings.envFile)) ? await readEnvValues(settings.envFile) : {};
  const bundle = process.env.NODE_EXTRA_CA_CERTS || process.env.SSL_CERT_FILE;
  const npmrc = join(homedir(), '.npmrc');
  return {
    prefix: settings.prefix,
    version: manifest.version,
    revision: await readRevision(),
    bases: { backend: bases.node, frontend: bases.nginx, postgres: bases.postgres },
    nodeBase: bases.node,
    viteApiBaseUrl: env.VITE_API_BASE_URL ?? '/api',
    viteWsUrl: env.VITE_WS_URL ?? '/ws',
    noCache,
    ...(bundle && (await envFileExists(bundle)) ? { caBundle: bundle } : {}),
    ...((await envFileExists(npmrc)) ? { npmrc } : {}),
  };
}

/** The git revision, marked when the tree has changes of its own; `unknown` outside a checkout. */
async function readRevision(): Promise<string> {
  const git = $({ cwd: ROOT, nothrow: true });
  const { ok, stdout } = await git`git describe --always --dirty --abbrev=12 --exclude='*'`;
  return ok ? stdout.trim() : 'unknown';
}

main(import.meta.url, {
  usage: USAGE,
  options: { 'no-cache': { type: 'boolean' } },
  async run(flags) {
    await assertDockerReady();
    const settings = await openStack();
    const startedAt = Date.now();
    beginChanges('prod-build');
    await build(settings, flags['no-cache'] === true);
    sayOk(`All images built in ${formatDuration(Date.now() - startedAt)}; start them: make prod-up`);
    say(
      `  ${containerName(settings, 'kidney-genetics-backend-service')} and the others stand on the bases named above`,
    );
  },
});
