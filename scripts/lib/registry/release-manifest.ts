import { IMAGES, type ImageName } from '../images/build-argv.ts';
import { DescribedError } from '../process/errors.ts';
import { fields, list, moment, oneOf, type Reader, text } from '../process/fields.ts';
import { APP_NAME, TAG } from './reference-rules.ts';

/** The label of the manifest's image that holds the manifest. */
export const MANIFEST_LABEL = `${APP_NAME}.release`;

/** One image of a release, as it lies in the registry. */
export interface ReleasedImage {
  /** sha256:…, of the image's manifest in the registry. */
  digest: string;
  /** The image's own id: sha256:… */
  id: string;
  /** The base that it stands on, and when that was made (ISO 8601; empty where nobody knows). */
  base: string;
  baseCreated: string;
  /** sha256 of its bill of materials, hexadecimal. */
  sbom: string;
}

/** What a release is: what was pushed, from which sources, when and by whom. */
export interface ReleaseManifest {
  app: string;
  /** VERSION-REVISION. */
  release: string;
  revision: string;
  /** linux/amd64 and the like. */
  platform: string;
  createdAt: string;
  createdBy: string;
  images: Record<ImageName, ReleasedImage>;
  /** Names of the migrations that the release brings, in their order. */
  migrations: string[];
}

/** A manifest is a few kilobytes; a hostile one may be anything. */
const MAX_LENGTH = 256 * 1024;
const digest = text(71, /^sha256:[0-9a-f]{64}$/);
const readImage = fields<ReleasedImage>({
  ...{ digest, id: digest, base: text(300), baseCreated: text(40, /^[\dT:.Z+-]*$/) },
  sbom: text(64, /^([0-9a-f]{64})?$/),
});
const readManifest = fields<ReleaseManifest>({
  app: oneOf(APP_NAME),
  release: text(128, TAG),
  revision: text(80, /^[\w.-]+$/),
  platform: text(60, /^[a-z0-9]+\/[a-z0-9]+(\/[a-z0-9]+)?$/),
  createdAt: moment,
  createdBy: text(100),
  images: fields(Object.fromEntries(IMAGES.map((name) => [name, readImage]))) as Reader<
    ReleaseManifest['images']
  >,
  migrations: list(text(200, /^[\w.-]+$/), 10_000),
});
const readApp = fields({ app: text(60) });

/**
 * Reads a manifest that came from a registry: input like any other, field by field; nothing else of it is kept.
 * @param where names it in an error
 * @throws DescribedError for a manifest of another app, or one that is none
 */
export function parseReleaseManifest(json: string, where: string): ReleaseManifest {
  if (json.length > MAX_LENGTH) throw notOurs(where, 'it is too long');
  try {
    const value: unknown = JSON.parse(json);
    const { app } = readApp(value, '');
    if (app !== APP_NAME) throw notOurs(where, `it is a release of the app ${app}`);
    return readManifest(value, '');
  } catch (error) {
    if (error instanceof DescribedError) throw error;
    throw notOurs(where, error instanceof SyntaxError ? 'it is no JSON' : (error as Error).message);
  }
}

/** Whether two manifests name the same images. */
export function sameImages(a: ReleaseManifest, b: ReleaseManifest): boolean {
  return IMAGES.every((name) => a.images[name].digest === b.images[name].digest);
}

function notOurs(where: string, why: string): DescribedError {
  return new DescribedError(
    `${where} is no release of ${APP_NAME}: ${why}`,
    'see which there are: make prod-images REMOTE=1',
  );
}
