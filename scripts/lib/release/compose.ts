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
  return composeVariables(mode, settings, env, await writeSecrets(settings.prefix, env), release);
}

/**
 * The variables with which Compose makes the containers of a release.
 * @param version of the secret files
 */
export function composeVariables(
  mode: Mode,
  settings: StackSettings,
  env: EnvValues,
  version: string,
  release: Release,
): Environment {
  return composeEnv(mode, settings, {
    ...pickComposeValues(env),
    SECRETS_DIR: secretsDir(settings.prefix),
    SECRETS_VERSION: version,
    IMAGE_TAG: release.app,
    DATABASE_TAG: release.database,
  });
}
