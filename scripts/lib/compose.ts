import type { EnvValues } from './model/env-file.ts';
import type { Release } from './model/release.ts';
import { composeNames, type Mode, type StackSettings, volumeName } from './model/stack.ts';
import { noteUnproven, secretsDir, writeSecrets } from './secrets/secrets.ts';

/** Writes the secrets, and gives the variables with which Compose starts the containers of a release. */
export async function prepareCompose(
  mode: Mode,
  settings: StackSettings,
  env: EnvValues,
  release: Release,
): Promise<Record<string, string>> {
  await noteUnproven(settings.prefix, volumeName(settings));
  const version = await writeSecrets(settings.prefix, env);
  return {
    ...composeNames(mode, settings),
    SECRETS_DIR: secretsDir(settings.prefix),
    SECRETS_VERSION: version,
    IMAGE_TAG: release.app,
    DATABASE_TAG: release.database,
  };
}
