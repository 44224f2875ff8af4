import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { IMAGES, type ImageName } from '../images/build-argv.ts';
import { fields, list, oneOf, text } from '../process/fields.ts';
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
    return readList(JSON.parse(readFileSync(path(prefix), 'utf8')), '');
  } catch {
    return [];
  }
}

/** Remembers under which tags the images of a release that was pulled go on here: a part that stays has two. */
export function notePulled(prefix: string, release: Release, pulled: readonly BroughtImage[]): void {
  const fresh = pulled.flatMap((one) => tagsOf(release, one.image).map((tag) => ({ ...one, tag })));
  const others = readPulled(prefix).filter(
    ({ image, tag }) => !fresh.some((one) => one.image === image && one.tag === tag),
  );
  mkdirSync(stateDir(prefix), { recursive: true });
  writeWhole(path(prefix), `${JSON.stringify([...others, ...fresh], null, 2)}\n`, { mode: 0o600 });
}

function tagsOf(release: Release, image: ImageName): string[] {
  return [...new Set([tagOf(release, image), image === 'postgres' ? release.database : release.app])];
}

/** Where an image of a release came from; undefined for one that was built here. */
export function findPulled(prefix: string, image: ImageName, tag: string): PulledImage | undefined {
  return readPulled(prefix).find((one) => one.image === image && one.tag === tag);
}

const hex = text(64, /^([0-9a-f]{64})?$/);
const readList = list(
  fields<PulledImage>({
    image: oneOf(...IMAGES),
    tag: text(200, /^\w[\w.+-]*$/),
    reference: text(500, /^[A-Za-z0-9[][A-Za-z0-9._:/[\]-]*@sha256:[0-9a-f]{64}$/),
    content: hex,
    signedBy: list(hex, 20),
  }),
  10_000,
);
