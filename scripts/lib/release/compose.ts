import { noteUnproven, secretsDir, writeSecrets } from '../secrets/secrets.ts';
import { composeEnv, type Environment } from '../stack/compose-env.ts';
import { type EnvValues, pickComposeValues } from '../stack/env-rules.ts';
import type { Release } from '../stack/release.ts';
import { type Mode, type StackSettings, volumeName } from '../stack/stack.ts';

/** Writes the secrets, and gives the variables with which Compose starts the containers of a release. */
export async function prepareCompose(
  mode: Mode,
  settings: StackSettings,
  env: EnvValues,
  release: Release,
): Promise<Environment> {
  await noteUnproven(settings.prefix, volumeName(settings));
  const version = await writeSecrets(settings.prefix, env);
  return composeEnv(mode, settings, {
    ...pickComposeValues(env),
    SECRETS_DIR: secretsDir(settings.prefix),
    SECRETS_VERSION: version,
    IMAGE_TAG: release.app,
    DATABASE_TAG: release.database,
  });
}
