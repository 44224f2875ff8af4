import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { IMAGES, type ImageName } from '../images/build-argv.ts';
import { writeWhole } from '../process/files.ts';
import { stateDir } from '../release/history.ts';
import { type Release, tagOf } from '../stack/release.ts';
import type { BroughtImage } from './pull.ts';

/** An image of this host that came from a registry, with its tag here. */
export interface PulledImage extends BroughtImage {
  tag: string;
}

const path = (prefix: string) => join(stateDir(prefix), 'pulled.json');

/** What came from registries to a stack; nothing on one that builds its own. A file of another form counts as none. */
export function readPulled(prefix: string): PulledImage[] {
  try {
    const read: unknown = JSON.parse(readFileSync(path(prefix), 'utf8'));
    return Array.isArray(read) ? read.filter(isPulled) : [];
  } catch {
    return [];
  }
}

/** Remembers under which tags the images of a release that was pulled go on here. */
export function notePulled(prefix: string, release: Release, pulled: readonly BroughtImage[]): void {
  const fresh = pulled.map((one) => ({ ...one, tag: tagOf(release, one.image) }));
  const others = readPulled(prefix).filter(
    ({ image, tag }) => !fresh.some((one) => one.image === image && one.tag === tag),
  );
  mkdirSync(stateDir(prefix), { recursive: true });
  writeWhole(path(prefix), `${JSON.stringify([...others, ...fresh], null, 2)}\n`, { mode: 0o600 });
}

/** Where an image of a release came from; undefined for one that was built here. */
export function findPulled(prefix: string, image: ImageName, tag: string): PulledImage | undefined {
  return readPulled(prefix).find((one) => one.image === image && one.tag === tag);
}

function isPulled(value: unknown): value is PulledImage {
  const { image, tag, reference, content, signedBy } = value as Record<string, unknown>;
  return (
    IMAGES.some((name) => name === image) &&
    typeof tag === 'string' &&
    typeof content === 'string' &&
    typeof signedBy === 'string' &&
    typeof reference === 'string' &&
    /^[A-Za-z0-9[][A-Za-z0-9._:/[\]-]*@sha256:[0-9a-f]{64}$/.test(reference)
  );
}
