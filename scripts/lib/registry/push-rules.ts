import { DescribedError } from '../process/errors.ts';

/**
 * Reads what `docker push` printed.
 * @returns the digest that the registry gave the image, and the short ids of the layers that were sent
 * @throws DescribedError where it named no digest
 */
export function parsePush(printed: string): { digest: string; sent: string[] } {
  const [, digest] = /^\S+: digest: (sha256:[0-9a-f]{64}) size: \d+$/m.exec(printed) ?? [];
  if (digest === undefined) {
    throw new DescribedError(
      'docker push named no digest',
      'run this again; docker version says which it is',
    );
  }
  return { digest, sent: [...printed.matchAll(/^([0-9a-f]{12}): Pushed\b/gm)].map(([, id = '']) => id) };
}

/**
 * Bytes of the layers that were sent. Docker names a layer by what it is unpacked (its diff id), with containerd's store by
 * what lies in the registry.
 * @param sent short ids
 * @param layers as they lie in the registry, the base's first
 * @param diffIds of the same layers, in the same order
 */
export function sumSent(
  sent: readonly string[],
  layers: readonly { digest: string; size: number }[],
  diffIds: readonly string[],
): number {
  const isSent = (id: string) => sent.some((short) => id.startsWith(`sha256:${short}`));
  return layers
    .filter(({ digest }, index) => isSent(digest) || isSent(diffIds[index] ?? ''))
    .reduce((sum, { size }) => sum + size, 0);
}

/**
 * A label with a text as it is, as a line of a Dockerfile (docs.docker.com/reference/dockerfile, "Environment replacement").
 * @param text in one line
 */
export function labelLine(name: string, text: string): string {
  return `LABEL ${name}="${text.replace(/[\\"$]/g, '\\$&')}"`;
}
