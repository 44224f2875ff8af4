import { DescribedError, Exit } from '../process/errors.ts';

/** Begins the names of the repositories: a release belongs to the app, not to one of its stacks. */
export const APP_NAME = 'kidney-genetics';
/** The image that holds a release's manifest. */
const RELEASE_REPOSITORY = `${APP_NAME}-release`;

const HOST = /^(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:]+\])(?::\d{1,5})?$/i;
const PATH = /^[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*$/;
/** https://github.com/opencontainers/distribution-spec, "Pulling manifests". */
export const TAG = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;

/** Where a release is: the registry with the owner's path, such as ghcr.io/owner, and its tag. */
export interface ReleaseReference {
  registry: string;
  tag: string;
}

/**
 * Checks the setting REGISTRY.
 * @returns it without a slash at its end
 * @throws DescribedError (exit 2) for a text that names no registry
 */
export function parseRegistry(text: string): string {
  const [host = '', ...path] = text
    .replace(/^https:\/\//, '')
    .replace(/\/+$/, '')
    .split('/');
  if (HOST.test(host) && path.every((part) => PATH.test(part))) return [host, ...path].join('/');
  throw new DescribedError(
    'REGISTRY names no registry',
    'a host and a path in small letters: REGISTRY=ghcr.io/owner',
    Exit.usage,
  );
}

/** The host of a registry, with its port: what one signs in to. */
export function registryHost(registry: string): string {
  return registry.split('/')[0] ?? '';
}

/**
 * Reads FROM: `latest` or a release's name in the registry that is set, or REGISTRY[/kidney-genetics-release]:RELEASE.
 * @param fallback the setting REGISTRY; empty where there is none
 * @throws DescribedError (exit 2)
 */
export function parseFrom(text: string, fallback: string): ReleaseReference {
  const bare = TAG.test(text);
  if (bare && fallback === '') {
    throw new DescribedError(
      `FROM=${text} names a release, and no registry is set`,
      'REGISTRY=ghcr.io/owner in .env.production, or FROM=ghcr.io/owner:RELEASE',
      Exit.usage,
    );
  }
  const colon = bare ? -1 : text.lastIndexOf(':');
  const tag = bare ? text : text.slice(colon + 1);
  if (!TAG.test(tag)) {
    throw new DescribedError(
      'FROM names no release',
      'FROM=latest, FROM=RELEASE or FROM=ghcr.io/owner:RELEASE; which there are: make prod-images REMOTE=1',
      Exit.usage,
    );
  }
  const registry = parseRegistry(bare ? fallback : text.slice(0, colon));
  return { registry: registry.replace(new RegExp(`/${RELEASE_REPOSITORY}$`), ''), tag };
}

/** The repository of one of the app's images, or of its releases' manifests. */
export function repositoryOf(registry: string, image: string): string {
  return `${registry}/${APP_NAME}-${image}`;
}

/** The reference of a release's manifest. */
export function manifestReference({ registry, tag }: ReleaseReference): string {
  return `${registry}/${RELEASE_REPOSITORY}:${tag}`;
}
