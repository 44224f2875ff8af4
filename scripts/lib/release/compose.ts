import { ROOT } from '../process/root.ts';
import { $, must, mustRun } from '../process/shell.ts';
import {
  makeBackendName,
  noteUnproven,
  readBackendName,
  readSecretsVersion,
  secretsDir,
  writeSecrets,
} from '../secrets/secrets.ts';
import { composeEnv, type Environment } from '../stack/compose-env.ts';
import { type EnvValues, pickComposeValues } from '../stack/env-rules.ts';
import { checkoutLabels } from '../stack/open.ts';
import { type Release, tagOf } from '../stack/release.ts';
import { composeArgv, type Mode, type StackSettings, upTarget, volumeName } from '../stack/stack.ts';

/** Writes the secrets and makes the volume, and gives the variables with which Compose starts the containers of a release. */
export async function prepareCompose(
  mode: Mode,
  settings: StackSettings,
  env: EnvValues,
  release: Release,
): Promise<Environment> {
  await noteUnproven(settings.prefix, volumeName(settings));
  const version = await writeSecrets(settings.prefix, env);
  await makeBackendName(settings.prefix);
  // Ours and not Compose's, so that no `docker compose down -v` removes it. One that is there stays as it is.
  await must($`docker volume create ${checkoutLabels()} ${volumeName(settings)}`, upTarget(mode));
  return composeVariables(mode, settings, env, version, release);
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
  const backendName = readBackendName(settings.prefix);
  return composeEnv(mode, settings, {
    ...pickComposeValues(env),
    SECRETS_DIR: secretsDir(settings.prefix),
    SECRETS_VERSION: version,
    ...(backendName ? { BACKEND_NAME: backendName } : {}),
    IMAGE_TAG: release.app,
    BACKEND_TAG: tagOf(release, 'backend'),
    FRONTEND_TAG: tagOf(release, 'frontend'),
    DATABASE_TAG: release.database,
  });
}

/**
 * What Compose would label the containers of a release with (com.docker.compose.config-hash), by service key: one that has
 * another label runs with other settings. Changes nothing.
 */
export async function readWantedHashes(
  mode: Mode,
  settings: StackSettings,
  env: EnvValues,
  release: Release,
): Promise<Map<string, string>> {
  const version = await readSecretsVersion(settings.prefix).catch(() => '');
  const variables = composeVariables(mode, settings, env, version, release);
  const argv = composeArgv(mode, settings, ['config', '--hash', '*']);
  const printed = await mustRun(argv, upTarget(mode), { cwd: ROOT, env: variables });
  return new Map(
    printed
      .split('\n')
      .filter(Boolean)
      .map((line) => line.split(/\s+/) as [string, string]),
  );
}
