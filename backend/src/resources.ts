import { existsSync } from 'node:fs';

/** Beside the bundle in dist/, two levels up from src/ when run from source. */
const root = existsSync(new URL('./migrations/', import.meta.url))
  ? new URL('./', import.meta.url)
  : new URL('../', import.meta.url);

/**
 * Address of something the API reads at run time.
 *
 * @param path relative to backend/ (or dist/), such as `migrations/`
 */
export function resourceUrl(path: string): URL {
  return new URL(path, root);
}
