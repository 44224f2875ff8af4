import { DescribedError } from '../process/errors.ts';
import { type RunResult, run } from '../process/shell.ts';
import { parseLayers, parseTags } from './answer-rules.ts';
import { registryHost } from './reference-rules.ts';
import type { SignedIn } from './sign-in.ts';
import { explainRegistry } from './trouble-rules.ts';

/** A registry that has said nothing for so long is away; a slow line that still carries something goes on. */
const ANSWER_MS = 15 * 60_000;

/**
 * Runs docker, skopeo or cosign against a registry.
 * @returns what it printed
 * @throws DescribedError that says in a sentence what the registry refused
 */
export async function askRegistry(
  argv: readonly string[],
  signedIn: SignedIn,
  env: Readonly<Record<string, string>> = {},
): Promise<RunResult> {
  const result = await run(argv, { env: { ...signedIn.env, ...env }, timeoutMs: ANSWER_MS });
  if (result.exitCode === 0) return result;
  const host = registryHost(signedIn.registry);
  const said = `${result.stderr}\n${result.stdout}`;
  const last = said.trim().split('\n').at(-1) ?? '';
  const trouble = explainRegistry(said, host) ?? {
    cause: `${argv.slice(0, 2).join(' ')} failed (exit ${result.exitCode}): ${last}`,
    hint: 'the registry said no more; run this again',
  };
  throw new DescribedError(trouble.cause, trouble.hint);
}

/**
 * The tags of a repository.
 * @throws DescribedError when the registry refuses; not where it has no such repository
 */
export async function listTags(repository: string, signedIn: SignedIn): Promise<string[]> {
  const argv = ['skopeo', 'list-tags', ...skopeoArgs(signedIn), `docker://${repository}`];
  const { stdout } = await askRegistry(argv, signedIn).catch((error: DescribedError) => {
    if (error.message.endsWith('has no such release')) return { stdout: '{"Tags":[]}' };
    throw error;
  });
  return parseTags(stdout);
}

/** Bytes of each layer of an image in the registry, by digest and in their order, the base's first. */
export async function readLayers(
  reference: string,
  signedIn: SignedIn,
): Promise<{ digest: string; size: number }[]> {
  const argv = ['skopeo', 'inspect', '--raw', ...skopeoArgs(signedIn), `docker://${reference}`];
  const { stdout } = await askRegistry(argv, signedIn);
  return parseLayers(stdout);
}

/** How skopeo finds the sign-in. */
export function skopeoArgs({ authFile }: SignedIn): string[] {
  return ['--authfile', authFile];
}
