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
 * Tells whether a tag is among those of an If-None-Match or If-Match header. Weak ones count for both: nobody but a proxy that
 * compresses makes `W/"x"` of our `"x"`, and what it stands for is the same; If-Match would else fail for every browser.
 *
 * @param header the header's value
 */
export function matchesEtag(header: string, etag: string): boolean {
  if (header.trim() === '*') return true;
  return header.split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag);
}
