import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { DescribedError, Exit } from '../process/errors.ts';
import { ROOT } from '../process/root.ts';
import { run } from '../process/shell.ts';
import type { EnvValues } from '../stack/env-rules.ts';
import { askRegistry, QUESTION_MS } from './client.ts';
import { attestArgv, signArgv, verifyArgv } from './cosign-argv.ts';
import { readNamedFile } from './settings.ts';
import type { SignedIn } from './sign-in.ts';

/** What signs: the key's file or env://NAME, and how cosign gets its password. */
export interface SigningKey {
  key: string;
  env: Readonly<Record<string, string>>;
}

/**
 * The key that signs what is pushed: COSIGN_KEY in the environment holds the key itself, as a CI gives it; in the env file
 * it names a file. Its password is in COSIGN_PASSWORD or in the file COSIGN_PASSWORD_FILE.
 * @returns undefined where nothing is to be signed
 */
export function findSigningKey(env: EnvValues): SigningKey | undefined {
  const given = process.env.COSIGN_KEY ?? env.COSIGN_KEY;
  if (!given) return undefined;
  const file = env.COSIGN_PASSWORD_FILE;
  const password = file
    ? readNamedFile(file, 'COSIGN_PASSWORD_FILE', 'put the key’s password into it, with mode 0600').trim()
    : process.env.COSIGN_PASSWORD;
  const isText = given.startsWith('-----BEGIN ');
  if (!isText) readNamedFile(given, 'COSIGN_KEY', 'make one: cosign generate-key-pair');
  return {
    key: isText ? 'env://COSIGN_KEY' : resolve(ROOT, given),
    env: { COSIGN_PASSWORD: password ?? '', ...(isText ? { COSIGN_KEY: given } : {}) },
  };
}

/**
 * The public keys of which any may have signed what is deployed: files, separated by commas; two while keys are changed.
 * @throws DescribedError (exit 2) for a file that is not there
 */
export function findPublicKeys(env: EnvValues): string[] {
  const files = (env.COSIGN_PUBLIC_KEY ?? '')
    .split(',')
    .map((file) => file.trim())
    .filter(Boolean);
  for (const file of files)
    readNamedFile(file, 'COSIGN_PUBLIC_KEY', 'copy cosign.pub from where releases are signed');
  return files.map((file) => resolve(ROOT, file));
}

/** @throws DescribedError (exit 3) without cosign */
export async function assertCosign(): Promise<void> {
  if ((await run(['which', 'cosign'])).exitCode === 0) return;
  throw new DescribedError(
    'cosign is missing, which signs and checks releases',
    'make host-setup',
    Exit.missing,
  );
}

/**
 * The public half of a key, which its password opens: known before anything is pushed.
 * @throws DescribedError when it does not
 */
export async function readPublicKey({ key, env }: SigningKey): Promise<string> {
  await assertCosign();
  const argv = ['cosign', 'public-key', '--key', key];
  const { exitCode, stdout } = await run(argv, { env, timeoutMs: QUESTION_MS });
  if (exitCode === 0) return stdout;
  throw new DescribedError(
    'COSIGN_KEY is no private key of cosign, or its password is another one',
    'COSIGN_PASSWORD_FILE=/path in .env.production, or COSIGN_PASSWORD in the environment',
  );
}

/**
 * Attaches signed statements to an image, and then signs it; not again where the key has signed it.
 * @param reference with its digest
 * @param publicKey the file of the key's public half
 */
export async function sign(
  reference: string,
  { key, env }: SigningKey,
  publicKey: string,
  signedIn: SignedIn,
  statement: { type: 'cyclonedx' | 'custom'; file: string },
): Promise<void> {
  if ((await findSigners(reference, [publicKey], signedIn)).length > 0) return;
  await askRegistry(attestArgv(reference, key, statement.type, statement.file, signedIn), signedIn, { env });
  await askRegistry(signArgv(reference, key, signedIn), signedIn, { env });
}

/** Tells a public key from others: sha256 of its file, hexadecimal. */
export function fingerprint(publicKey: string): string {
  return createHash('sha256').update(readFileSync(publicKey)).digest('hex');
}

/** What cosign says of an image that nobody, or somebody else, has signed: only a registry that answered has told that. */
const saysUnsigned = (stderr: string) => /no matching signatures|no signatures found/i.test(stderr);

/**
 * Looks for the keys that have signed an image.
 * @param reference with its digest
 * @returns those of them that have, by their files
 * @throws DescribedError when the registry does not tell
 */
export async function findSigners(
  reference: string,
  publicKeys: readonly string[],
  signedIn: SignedIn,
): Promise<string[]> {
  const signers: string[] = [];
  for (const publicKey of publicKeys) {
    const argv = verifyArgv(reference, publicKey, signedIn);
    const asked = { timeoutMs: QUESTION_MS, isAnswer: saysUnsigned };
    if ((await askRegistry(argv, signedIn, asked)).exitCode === 0) signers.push(publicKey);
  }
  return signers;
}

/**
 * An image is signed by one of the keys.
 * @param reference with its digest
 * @returns the fingerprints of all of them that signed it: while keys are changed, any of them may go next
 * @throws DescribedError that names the image
 */
export async function assertSigned(
  reference: string,
  publicKeys: readonly string[],
  signedIn: SignedIn,
): Promise<string[]> {
  const signers = await findSigners(reference, publicKeys, signedIn);
  if (signers.length > 0) return signers.map(fingerprint);
  throw new DescribedError(
    `${reference} is not signed by ${publicKeys.length > 1 ? 'any of the keys' : 'the key'} in COSIGN_PUBLIC_KEY: nothing is deployed`,
    'deploy a release that was pushed with that key, or push this one again where the key is: make prod-push',
  );
}
