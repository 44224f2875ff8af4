import { createHash } from 'node:crypto';

/**
 * Makes a strong entity tag (RFC 9110, 8.8.3).
 *
 * @param version changes whenever the content does
 * @param identity everything else the content depends on, such as the address and the release that wrote it
 */
export function makeEtag(version: readonly number[], identity: string): string {
  const digest = createHash('sha1').update(identity).digest('base64url').slice(0, 16);
  return `"${version.map((part) => part.toString(36)).join('-')}-${digest}"`;
}

/**
 * Tells whether a tag is among those of an If-None-Match or If-Match header.
 *
 * @param header the header's value
 * @param weak compare as If-None-Match does: a proxy that compresses turns `"x"` into `W/"x"`
 */
export function matchesEtag(header: string, etag: string, weak: boolean): boolean {
  if (header.trim() === '*') return true;
  const tags = header.split(',').map((tag) => tag.trim());
  return tags.some((tag) => (weak ? tag.replace(/^W\//, '') : tag) === etag);
}
