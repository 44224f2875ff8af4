import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { DescribedError, Exit } from '../process/errors.ts';
import { run, whenInterrupted } from '../process/shell.ts';
import type { EnvValues } from '../stack/env-rules.ts';
import { registryHost } from './reference-rules.ts';
import { readNamedFile } from './settings.ts';
import { explainRegistry } from './trouble-rules.ts';

/** How docker, skopeo and cosign reach a registry while a command works on it. */
export interface SignedIn {
  registry: string;
  /** For every program that is started: where the sign-in is. */
  env: Readonly<Record<string, string>>;
  /** The same for skopeo, which reads no variable of Docker's. */
  authFile: string;
  /** Certificate of the registry's own authority, where this host has one for it. */
  caFile?: string;
}

/**
 * Works on a registry as the user that the env file names, or else as the one of `docker login`. What is given in the env
 * file stays in a folder of this process alone, which is removed again.
 * @throws DescribedError when the registry refuses the sign-in
 */
export async function withSignIn<T>(
  registry: string,
  env: EnvValues,
  work: (signedIn: SignedIn) => Promise<T>,
): Promise<T> {
  const host = registryHost(registry);
  const own = process.env.DOCKER_CONFIG ?? join(homedir(), '.docker');
  const ca = `/etc/docker/certs.d/${host}/ca.crt`;
  const reach = { registry, ...(existsSync(ca) ? { caFile: ca } : {}) };
  const user = env.REGISTRY_USER;
  if (!user) return work({ ...reach, env: {}, authFile: join(own, 'config.json') });
  const folder = mkdtempSync(join(tmpdir(), 'registry-sign-in-'));
  const remove = async () => rmSync(folder, { recursive: true, force: true });
  const keep = whenInterrupted(remove);
  try {
    copyContexts(own, folder);
    const variables = { DOCKER_CONFIG: folder };
    await signIn(host, user, readPassword(env), variables);
    return await work({ ...reach, env: variables, authFile: join(folder, 'config.json') });
  } finally {
    keep();
    await remove();
  }
}

/** The engine that the user's client is set to stays the one that is asked; his other sign-ins and helpers stay his. */
function copyContexts(own: string, folder: string): void {
  const contexts = join(own, 'contexts');
  if (existsSync(contexts)) cpSync(contexts, join(folder, 'contexts'), { recursive: true });
  const config = join(own, 'config.json');
  const { currentContext } = existsSync(config)
    ? (JSON.parse(readFileSync(config, 'utf8')) as { currentContext?: string })
    : {};
  const kept = currentContext === undefined ? {} : { currentContext };
  writeFileSync(join(folder, 'config.json'), JSON.stringify(kept), { mode: 0o600 });
}

async function signIn(
  host: string,
  user: string,
  password: string,
  env: Readonly<Record<string, string>>,
): Promise<void> {
  const argv = ['docker', 'login', '--username', user, '--password-stdin', host];
  const { exitCode, stderr } = await run(argv, { input: `${password}\n`, env, timeoutMs: 60_000 });
  if (exitCode === 0) return;
  const trouble = explainRegistry(stderr, host) ?? {
    cause: `Signing in at ${host} failed: ${stderr.trim().split('\n').at(-1)}`,
    hint: 'check REGISTRY_USER and REGISTRY_PASSWORD_FILE in .env.production',
  };
  throw new DescribedError(trouble.cause, trouble.hint);
}

function readPassword(env: EnvValues): string {
  const file = env.REGISTRY_PASSWORD_FILE;
  const hint = 'put the password or token into a file of mode 0600 and name it: REGISTRY_PASSWORD_FILE=/path';
  if (file) return readNamedFile(file, 'REGISTRY_PASSWORD_FILE', hint).trim();
  throw new DescribedError('REGISTRY_USER is set, and REGISTRY_PASSWORD_FILE is not', hint, Exit.usage);
}
