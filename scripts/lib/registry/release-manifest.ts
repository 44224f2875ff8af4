import { IMAGES, type ImageName } from '../images/build-argv.ts';
import { DescribedError } from '../process/errors.ts';
import { APP_NAME } from './reference-rules.ts';

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

const DIGEST = /^sha256:[0-9a-f]{64}$/;
const PLAIN = /^[\x20-\x7e]{0,200}$/;
const MIGRATION = /^\w[\w.-]{0,199}$/;

/**
 * Reads a manifest that came from a registry: input like any other, field by field; nothing else of it is kept.
 * @param where names it in an error
 * @throws DescribedError for a manifest of another app, or one that is none
 */
export function parseReleaseManifest(text: string, where: string): ReleaseManifest {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch {
    throw notOurs(where, 'it is no JSON');
  }
  const field = (from: unknown, name: string, pattern: RegExp): string => {
    const value = isRecord(from) ? from[name] : undefined;
    if (typeof value === 'string' && pattern.test(value)) return value;
    throw notOurs(where, `its field ${name} is missing or is not what it should be`);
  };
  const app = field(raw, 'app', PLAIN);
  if (app !== APP_NAME) throw notOurs(where, `it is a release of the app ${app}`);
  const { images, migrations } = raw as Record<string, unknown>;
  const image = (name: ImageName): ReleasedImage => {
    const one = isRecord(images) ? images[name] : undefined;
    return {
      digest: field(one, 'digest', DIGEST),
      id: field(one, 'id', DIGEST),
      base: field(one, 'base', PLAIN),
      baseCreated: field(one, 'baseCreated', PLAIN),
      sbom: field(one, 'sbom', /^([0-9a-f]{64})?$/),
    };
  };
  const names: unknown[] = Array.isArray(migrations) ? migrations : [];
  return {
    app,
    release: field(raw, 'release', /^[A-Za-z0-9._-]{1,128}$/),
    revision: field(raw, 'revision', /^[A-Za-z0-9._-]{1,80}$/),
    platform: field(raw, 'platform', /^[a-z0-9]+\/[a-z0-9]+(\/[a-z0-9]+)?$/),
    createdAt: field(raw, 'createdAt', PLAIN),
    createdBy: field(raw, 'createdBy', PLAIN),
    images: Object.fromEntries(IMAGES.map((name) => [name, image(name)])) as ReleaseManifest['images'],
    migrations: names.map((name) => field({ migrations: name }, 'migrations', MIGRATION)),
  };
}

/** Whether two manifests name the same images. */
export function sameImages(a: ReleaseManifest, b: ReleaseManifest): boolean {
  return IMAGES.every((name) => a.images[name].digest === b.images[name].digest);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function notOurs(where: string, why: string): DescribedError {
  return new DescribedError(
    `${where} holds no release of ${APP_NAME}: ${why}`,
    'see which there are: make prod-images REMOTE=1',
  );
}
