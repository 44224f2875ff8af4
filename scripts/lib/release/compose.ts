import { noteUnproven, secretsDir, writeSecrets } from '../secrets/secrets.ts';
import type { EnvValues } from '../stack/env-rules.ts';
import type { Release } from '../stack/release.ts';
import { composeNames, type Mode, type StackSettings, volumeName } from '../stack/stack.ts';

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
