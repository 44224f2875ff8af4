import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { chmod, mkdir, open, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { objectExists } from '../docker/inspect.ts';
import { DescribedError, Exit } from '../process/errors.ts';
import { ROOT } from '../process/root.ts';
import { type EnvValues, readDatabaseUrl } from '../stack/env-rules.ts';
import { sayWarning } from '../terminal/report.ts';

/** What the containers read under /run/secrets, by file name. */
function secretFiles(env: EnvValues): Record<string, string> {
  return {
    postgres_password: env.POSTGRES_PASSWORD ?? '',
    database_url: env.DATABASE_URL ?? '',
    secret_key: env.SECRET_KEY ?? '',
  };
}

const SECRET_FILES = [...Object.keys(secretFiles({})), 'secret_key_previous'];

/** The file of a rotation that is under way or was interrupted: meanwhile the secret files know better than the env file. */
export function rotationFile(prefix: string): string {
  return join(secretsDir(prefix), 'rotation.json');
}

/** Says of secret files that they were made for a volume that was there before them: it may know others. */
function unprovenFile(prefix: string): string {
  return join(secretsDir(prefix), 'unproven');
}

/** To be called before the secret files are written, as in a new checkout on an old volume. */
export async function noteUnproven(prefix: string, volume: string): Promise<void> {
  if (existsSync(join(secretsDir(prefix), 'postgres_password'))) return;
  if (!(await objectExists('volume', volume))) return;
  await mkdir(secretsDir(prefix), { recursive: true, mode: 0o700 });
  await writeFile(unprovenFile(prefix), '');
}

/** To be called when the API has signed in with them. */
export async function noteProven(prefix: string): Promise<void> {
  await rm(unprovenFile(prefix), { force: true });
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
  const rotating = existsSync(rotationFile(prefix));
  if (rotating) {
    sayWarning(
      'A rotation of the secrets was interrupted; to complete it, once all is up: make prod-rotate-secrets',
    );
  }
  const key = await readFile(join(folder, 'secret_key_previous'), 'utf8').catch(() => env.SECRET_KEY ?? '');
  for (const [name, content] of Object.entries({ ...secretFiles(env), secret_key_previous: key })) {
    const path = join(folder, name);
    const current = await readFile(path, 'utf8').catch(() => undefined);
    if (current !== content && !(rotating && current !== undefined)) {
      if (current !== undefined) await chmod(path, 0o644);
      await writeFile(path, content, { mode: 0o444 });
    }
    await chmod(path, 0o444);
  }
  return readSecretsVersion(prefix);
}

/** Tells one state of the secret files from another: when the newest was written, ISO; changes nothing. */
export async function readSecretsVersion(prefix: string): Promise<string> {
  const paths = SECRET_FILES.map((name) => join(secretsDir(prefix), name));
  const times = await Promise.all(paths.map(async (path) => (await stat(path)).mtimeMs));
  return new Date(Math.max(...times)).toISOString();
}

/**
 * A container that runs does not miss its secret files; the engine cannot start it without them.
 * @throws DescribedError (exit 3) when one is gone, as after `git clean -fdx`
 */
export function assertSecretsThere(prefix: string): void {
  const isThere = (name: string) => statSync(join(secretsDir(prefix), name), { throwIfNoEntry: false });
  const gone = SECRET_FILES.find((name) => !isThere(name));
  if (!gone) return;
  throw new DescribedError(
    `${relative(ROOT, join(secretsDir(prefix), gone))} is gone: a container that is stopped now would not start again`,
    'it is written anew by: make prod-up',
    Exit.missing,
  );
}

/**
 * Replaces a secret under a running container, which sees the same file: written over, never emptied before. The file keeps
 * its time, as its container need not be recreated for it.
 */
export async function replaceSecretFile(path: string, content: string): Promise<void> {
  const { atime, mtimeMs, size } = await stat(path);
  await chmod(path, 0o644);
  const file = await open(path, 'r+');
  // Blanks up to the old length: one write, whose readers see the old content or the new one. They leave blanks out.
  await file.write(content.padEnd(size), 0, 'utf8');
  await file.truncate(Buffer.byteLength(content));
  await file.sync();
  await file.close();
  await chmod(path, 0o444);
  // In the middle of the millisecond, so that no rounding makes another of it.
  await utimes(path, atime, (Math.floor(mtimeMs) + 0.5) / 1000);
}

/**
 * The name by which nginx finds the API, known on its own network alone, so that nobody can take it on the network that is shared.
 * @returns undefined before `makeBackendName`
 */
export function readBackendName(prefix: string): string | undefined {
  const path = join(secretsDir(prefix), 'backend_name');
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
}

/** The name by which the API finds its database, as deploy/docker-compose.prod.yml says; undefined before `makeBackendName`. */
export function databaseName(prefix: string): string | undefined {
  const name = readBackendName(prefix);
  return name && `${name}-database`;
}

/** Makes that name, once for each stack. */
export async function makeBackendName(prefix: string): Promise<void> {
  if (readBackendName(prefix)) return;
  const name = `kidney-genetics-api-${randomBytes(12).toString('hex')}`;
  await writeFile(join(secretsDir(prefix), 'backend_name'), name, { mode: 0o600 });
}

/** Makes the API refuse tokens of the key before. */
export async function forgetPreviousKey(prefix: string): Promise<void> {
  const folder = secretsDir(prefix);
  const current = await readFile(join(folder, 'secret_key'), 'utf8');
  await replaceSecretFile(join(folder, 'secret_key_previous'), current);
}

/**
 * PostgreSQL takes its password, role and database from the env file only when it initialises the volume: others in the env file
 * would lock the app out.
 * @param volume the database's volume
 * @throws DescribedError, before anything is changed
 */
export async function assertDatabaseUnchanged(prefix: string, env: EnvValues, volume: string): Promise<void> {
  const folder = secretsDir(prefix);
  const read = (name: string) => readFile(join(folder, name), 'utf8').catch(() => undefined);
  const [password, url, initialised] = await Promise.all([
    read('postgres_password'),
    read('database_url'),
    objectExists('volume', volume),
  ]);
  if (!initialised || existsSync(rotationFile(prefix)) || existsSync(unprovenFile(prefix))) return;
  if (password !== undefined && password !== env.POSTGRES_PASSWORD) {
    const path = relative(ROOT, join(folder, 'postgres_password'));
    throw new DescribedError(
      `POSTGRES_PASSWORD in the env file is not the one in use; the volume ${volume} was made with another`,
      `put the former one back, it stands in ${path}; to change it: make prod-rotate-secrets`,
    );
  }
  const [former, wanted] = [readNames(url), readNames(env.DATABASE_URL)];
  for (const key of ['POSTGRES_USER', 'POSTGRES_DB'] as const) {
    if (!former || !wanted || former[key] === wanted[key]) continue;
    throw new DescribedError(
      `${key} in the env file is ${wanted[key]}, but the volume ${volume} was made with ${former[key]}`,
      `put ${former[key]} back into ${key} and DATABASE_URL`,
    );
  }
}

/** The role and the database in an address of PostgreSQL. */
function readNames(url: string | undefined): { POSTGRES_USER: string; POSTGRES_DB: string } | undefined {
  const named = readDatabaseUrl(url ?? '');
  return named && { POSTGRES_USER: named.user, POSTGRES_DB: named.database };
}
