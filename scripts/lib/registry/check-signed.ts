import type { ImageName } from '../images/build-argv.ts';
import { DescribedError } from '../process/errors.ts';
import { readOptionalEnv } from '../stack/env-file.ts';
import type { StackSettings } from '../stack/stack.ts';
import { hashContent } from './pull.ts';
import { findPulled } from './pulled.ts';
import { withSignIn } from './sign-in.ts';
import { assertCosign, findPublicKeys, findSigners } from './signatures.ts';

/** What is known of the signature of an image that runs. */
export interface SignatureFacts {
  image: string;
  state: 'signed' | 'not signed' | 'not asked';
  found: string;
}

/**
 * Asks the registry now whether what runs is what one of the keys in COSIGN_PUBLIC_KEY has signed.
 * @param running each image by its name here, and the id of what runs
 * @returns null where no key is set
 * @throws DescribedError (exit 2) for a key that is not there
 */
export async function checkSigned(
  settings: StackSettings,
  running: readonly { image: ImageName; name: string; id: string }[],
): Promise<SignatureFacts[] | null> {
  const env = await readOptionalEnv(settings.envFile);
  const keys = findPublicKeys(env);
  if (keys.length === 0) return null;
  const judge = async ({
    image,
    name,
    id,
  }: (typeof running)[number]): Promise<Omit<SignatureFacts, 'image'>> => {
    const pulled = findPulled(settings.prefix, image, name.slice(name.lastIndexOf(':') + 1));
    if (!pulled) return { state: 'not signed', found: 'it was built or loaded here' };
    if ((await hashContent(id)) !== pulled.content)
      return { state: 'not signed', found: 'what runs is not the image that was pulled' };
    const { reference } = pulled;
    const registry = reference.replace(/\/[^/]*$/, '');
    const signers = await withSignIn(registry, env, (signedIn) => findSigners(reference, keys, signedIn));
    return signers.length > 0
      ? { state: 'signed', found: signers.join(', ') }
      : { state: 'not signed', found: `${reference} has no signature of that key` };
  };
  const isAsked = await assertCosign().then(() => undefined, notAsked);
  return Promise.all(
    running.map(async (one) => ({ image: one.image, ...(isAsked ?? (await judge(one).catch(notAsked))) })),
  );
}

function notAsked(error: unknown): Omit<SignatureFacts, 'image'> {
  if (error instanceof DescribedError) return { state: 'not asked', found: error.message };
  throw error;
}
