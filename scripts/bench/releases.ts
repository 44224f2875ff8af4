import { randomBytes } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { installTools } from '../lib/host/test-tools.ts';
import { IMAGES, type ImageName } from '../lib/images/build-argv.ts';
import { mustRun, run } from '../lib/process/shell.ts';
import { enginePlatform, type FoundRelease, pullImages } from '../lib/registry/pull.ts';
import { parsePush } from '../lib/registry/push-rules.ts';
import { repositoryOf } from '../lib/registry/reference-rules.ts';
import { type SignedIn, withSignIn } from '../lib/registry/sign-in.ts';
import { readEnvValues } from '../lib/stack/env-file.ts';
import { RegistryStage } from '../test/e2e/registry-stage.ts';
import { changeImage } from '../test/e2e/update-users.ts';
import { alternate, timeSeconds } from './lib/alternate.ts';
import type { Row } from './lib/measure.ts';
import { ProductionStack } from './lib/production.ts';

const HINT = 'make bench ONLY=registry';
/** Each takes half a minute and more. */
const MOST_RUNS = 3;
const MOST_UPDATES = 2;
const MIB = 1024 ** 2;
const asMuch = { of: 'ratio', atMost: 1.1 } as const;

/** What a release takes through a registry, beside what one would type without this kit. */
export async function measureRegistry(runs: number): Promise<Row[]> {
  await installTools(['skopeo'], 'the benchmarks');
  return ProductionStack.with('registry', async (production) => {
    const registry = new RegistryStage(production.stack);
    try {
      await registry.start();
      await registry.signIn(production.stack);
      const env = await readEnvValues(production.stack.settings.envFile);
      return await withSignIn(env.REGISTRY ?? '', env, async (signedIn) => [
        await measurePush(production, registry, signedIn, Math.min(runs, MOST_RUNS)),
        await measurePull(production, signedIn, Math.min(runs, MOST_RUNS)),
        await measureUpdates(production, Math.min(runs, MOST_UPDATES)),
      ]);
    } finally {
      await registry.dispose();
    }
  });
}

/** Into a registry that has nothing: the manifest, the bills of materials and the look at the images beside. */
async function measurePush(
  production: ProductionStack,
  registry: RegistryStage,
  signedIn: SignedIn,
  runs: number,
): Promise<Row> {
  const { prefix } = production.stack.settings;
  const into = async (push: () => Promise<void>) => {
    await registry.empty();
    return timeSeconds(push);
  };
  const bare = async () => {
    for (const image of IMAGES)
      await pushBare(`${prefix}-${image}:latest`, `${repositoryOf(signedIn.registry, image)}:bare`, signedIn);
  };
  const { ours, peer } = await alternate(runs, {
    ours: () => into(() => production.make('prod-push')),
    peer: () => into(bare),
  });
  return {
    ...{ what: 'make prod-push into an empty registry', unit: 's', ours, goal: asMuch },
    peer: { name: 'docker push', values: peer },
  };
}

async function pushBare(image: string, reference: string, { env }: SignedIn): Promise<string> {
  await mustRun(['docker', 'tag', image, reference], HINT);
  const printed = await mustRun(['docker', 'push', reference], HINT, { env });
  await mustRun(['docker', 'rmi', reference], HINT);
  return parsePush(printed).digest;
}

/** Images of which this host has no layer: the kit's own are here, where they were built. */
async function measurePull({ stack }: ProductionStack, signedIn: SignedIn, runs: number): Promise<Row> {
  const local = (image: ImageName) => `${stack.settings.prefix}-pulled-${image}:latest`;
  const digests = {} as Record<ImageName, string>;
  for (const image of IMAGES) {
    await importLarge(local(image), join(stack.tmp, `pulled-${image}`));
    digests[image] = await pushBare(
      local(image),
      `${repositoryOf(signedIn.registry, image)}:pulled`,
      signedIn,
    );
  }
  const references = IMAGES.map((image) => `${repositoryOf(signedIn.registry, image)}@${digests[image]}`);
  const images = Object.fromEntries(IMAGES.map((image) => [image, { digest: digests[image] }]));
  const platform = await enginePlatform();
  const found = {
    manifest: { images, platform, release: 'pulled' },
    reference: '',
  } as unknown as FoundRelease;
  const without = async (pull: () => Promise<unknown>) => {
    await run(['docker', 'rmi', ...IMAGES.map(local), ...references]);
    return timeSeconds(pull);
  };
  const { ours, peer } = await alternate(runs, {
    ours: () => without(() => pullImages(found, signedIn, [], local)),
    peer: () =>
      without(async () => {
        for (const one of references)
          await mustRun(['docker', 'pull', '--quiet', one], HINT, { env: signedIn.env });
      }),
  });
  await run(['docker', 'rmi', ...IMAGES.map(local), ...references]);
  return {
    ...{ what: 'A release is pulled, none of it here', unit: 's', ours, goal: asMuch },
    peer: { name: 'docker pull', values: peer },
  };
}

/** Half of it can be compressed. It is imported: BuildKit would keep the layer when the image is gone. */
async function importLarge(name: string, folder: string): Promise<void> {
  mkdirSync(folder);
  const [file, tar] = [join(folder, 'file'), join(folder, 'image.tar')];
  writeFileSync(file, Buffer.concat([randomBytes(40 * MIB), Buffer.alloc(40 * MIB, 'text ')]));
  await mustRun(['tar', '--create', '--file', tar, '--directory', folder, 'file'], HINT);
  await mustRun(['docker', 'import', '--change', 'CMD ["/file"]', tar, name], HINT);
  rmSync(folder, { recursive: true });
}

/** Both halves replaced by what the registry has, whose layers are all here, and by what is here. */
async function measureUpdates(production: ProductionStack, runs: number): Promise<Row> {
  await production.make('prod-up');
  let revision = 0;
  const change = async () => {
    revision += 1;
    for (const image of IMAGES) await changeImage(production.stack, image, `bench${revision}`);
  };
  const { ours, peer } = await alternate(runs, {
    ours: async () => {
      await change();
      await production.make('prod-push');
      return timeSeconds(() => production.make('prod-update', 'FROM=latest'));
    },
    peer: async () => {
      await change();
      return timeSeconds(() => production.make('prod-update', 'NO_BUILD=1'));
    },
  });
  return {
    ...{ what: 'make prod-update FROM=latest, all layers here', unit: 's', ours },
    peer: { name: 'make prod-update NO_BUILD=1', values: peer },
    goal: { of: 'difference', atMost: 5 },
  };
}
