import { chmod, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { objectExists } from './docker.ts';
import { DescribedError } from './errors.ts';
import type { EnvValues } from './model/env-file.ts';
import { ROOT } from './project.ts';

/** What the containers read under /run/secrets, by file name. */
function secretFiles(env: EnvValues): Record<string, string> {
  return {
    postgres_password: env.POSTGRES_PASSWORD ?? '',
    database_url: env.DATABASE_URL ?? '',
    secret_key: env.SECRET_KEY ?? '',
  };
}

/** The folder of a stack's secret files. */
export function secretsDir(prefix: string): string {
  return join(ROOT, 'deploy/secrets', prefix);
}

/**
 * Writes the secret files of a stack where they differ from the env file.
 * The files are 0444, because Compose mounts them with the host's uid and mode; the folder is 0700, so that nobody else
 * on the host reaches them. They are written in place: a running container sees the new content at its next start.
 * @returns a version that changes when the backend's secrets do
 */
export async function writeSecrets(prefix: string, env: EnvValues): Promise<string> {
  const folder = secretsDir(prefix);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await chmod(folder, 0o700);
  let newest = 0;
  for (const [name, content] of Object.entries(secretFiles(env))) {
    const path = join(folder, name);
    const current = await readFile(path, 'utf8').catch(() => undefined);
    if (current !== content) {
      if (current !== undefined) await chmod(path, 0o644);
      await writeFile(path, content, { mode: 0o444 });
      await chmod(path, 0o444);
    }
    newest = Math.max(newest, (await stat(path)).mtimeMs);
  }
  return new Date(newest).toISOString();
}

/**
 * PostgreSQL reads its password only when it initialises the volume: another one in the env file would lock the app out.
 * @param volume the database's volume
 * @throws DescribedError, before anything is changed
 */
export async function assertPasswordUnchanged(prefix: string, env: EnvValues, volume: string): Promise<void> {
  const path = join(secretsDir(prefix), 'postgres_password');
  const [current, initialised] = await Promise.all([
    readFile(path, 'utf8').catch(() => undefined),
    objectExists('volume', volume),
  ]);
  if (!initialised || current === undefined || current === env.POSTGRES_PASSWORD) return;
  throw new DescribedError(
    `POSTGRES_PASSWORD in the env file is not the one in use; the volume ${volume} was made with another`,
    `put the former one back; it stands in ${relative(ROOT, path)}`,
  );
}
