import { DescribedError } from '../process/errors.ts';
import { fields, list, maybe, text, whole } from '../process/fields.ts';
import { toPrintable } from '../process/printable.ts';
import { TAG } from './reference-rules.ts';

/** The least that a manifest says of its layers. */
const LAYERS = fields({
  layers: maybe(list(fields({ digest: text(200), size: whole() }), 1000)),
});

/**
 * The tags that `skopeo list-tags` printed.
 * @throws DescribedError for an answer that is no list
 */
export function parseTags(answer: string): string[] {
  const { Tags } = parseAnswer(answer, (value) => (value ?? {}) as { Tags?: unknown });
  if (Array.isArray(Tags))
    return Tags.filter((tag): tag is string => typeof tag === 'string' && TAG.test(tag));
  throw noAnswer('Tags is no list');
}

/**
 * Bytes of each layer that an image's manifest tells of, in their order.
 * @throws DescribedError for what is no manifest
 */
export function parseLayers(answer: string): { digest: string; size: number }[] {
  return parseAnswer(answer, (value) => LAYERS(value, '')).layers ?? [];
}

function parseAnswer<T>(answer: string, read: (value: unknown) => T): T {
  try {
    return read(JSON.parse(answer));
  } catch (error) {
    throw noAnswer((error as Error).message);
  }
}

function noAnswer(why: string): DescribedError {
  return new DescribedError(
    `The registry's answer is not of the form that one gives: ${toPrintable(why)}`,
    'see whether REGISTRY names a registry, and what stands in front of it',
  );
}
