import { DescribedError } from '../process/errors.ts';
import { toPrintable } from '../process/printable.ts';
import { type RunResult, run } from '../process/shell.ts';
import { parseLayers, parseTags } from './answer-rules.ts';
import { registryHost } from './reference-rules.ts';
import type { SignedIn } from './sign-in.ts';
import { explainRegistry, MISSING } from './trouble-rules.ts';

/** A release over a slow line takes its time; docker itself gives up on a connection that is dead. */
const TRANSFER_MS = 60 * 60_000;
/** What is asked without layers is small. */
export const QUESTION_MS = 60_000;

interface AskOptions {
  env?: Readonly<Record<string, string>>;
  timeoutMs?: number;
  /** Knows by its standard error a program that failed and has answered all the same. */
  isAnswer?: (stderr: string) => boolean;
}

/**
 * Runs docker, skopeo or cosign against a registry.
 * @returns what it printed
 * @throws DescribedError that says in a sentence what the registry refused
 */
export async function askRegistry(
  argv: readonly string[],
  signedIn: SignedIn,
  { env = {}, timeoutMs = TRANSFER_MS, isAnswer = () => false }: AskOptions = {},
): Promise<RunResult> {
  const until = Date.now() + timeoutMs;
  const result = await run(argv, { env: { ...signedIn.env, ...env }, timeoutMs });
  if (result.exitCode === 0 || isAnswer(result.stderr)) return result;
  const said = `${result.stderr}\n${result.stdout}${Date.now() >= until ? '\ntimed out' : ''}`.trim();
  const trouble = explainRegistry(said, registryHost(signedIn.registry)) ?? {
    cause: `${argv.slice(0, 2).join(' ')} failed (exit ${result.exitCode}): ${toPrintable(lastLineOf(result.stderr) || lastLineOf(result.stdout), 300)}`,
    hint: 'the registry said no more; run this again',
  };
  throw new DescribedError(trouble.cause, trouble.hint);
}

function lastLineOf(text: string): string {
  return text.trim().split('\n').at(-1) ?? '';
}

/** Whether a registry has only said that it has not what was asked for. */
export function isMissing(error: unknown): boolean {
  return error instanceof DescribedError && error.message.endsWith(MISSING);
}

/**
 * The tags of a repository.
 * @throws DescribedError when the registry refuses; not where it has no such repository
 */
export async function listTags(repository: string, signedIn: SignedIn): Promise<string[]> {
  const argv = ['skopeo', 'list-tags', ...skopeoArgs(signedIn), `docker://${repository}`];
  try {
    const { stdout } = await askRegistry(argv, signedIn, { timeoutMs: QUESTION_MS });
    return parseTags(stdout);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

/** Bytes of each layer of an image in the registry, by digest and in their order, the base's first. */
export async function readLayers(
  reference: string,
  signedIn: SignedIn,
): Promise<{ digest: string; size: number }[]> {
  const argv = ['skopeo', 'inspect', '--raw', ...skopeoArgs(signedIn), `docker://${reference}`];
  const { stdout } = await askRegistry(argv, signedIn, { timeoutMs: QUESTION_MS });
  return parseLayers(stdout);
}

/** How skopeo finds the sign-in. */
export function skopeoArgs({ authFile }: SignedIn): string[] {
  return ['--authfile', authFile];
}
