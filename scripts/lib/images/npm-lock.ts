import type { BomComponent } from './bill-of-materials.ts';

/** The fields of package-lock.json (version 3) that are read. */
export interface NpmLock {
  packages: Record<
    string,
    {
      version?: string;
      license?: string;
      link?: boolean;
      dependencies?: Record<string, string>;
      optionalDependencies?: Record<string, string>;
    }
  >;
}

/**
 * The packages that a workspace needs at run time, as components. Read from the lock file, because `npm sbom --omit dev`
 * leaves out a package that a development tool names as its peer, such as the framework of the page itself.
 * @param workspace its folder
 */
export function listLockedPackages(lock: NpmLock, workspace: string): BomComponent[] {
  const found = new Map<string, BomComponent>();
  const seen = new Set<string>();
  const queue = [workspace];
  for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
    const entry = lock.packages[path];
    if (!entry || seen.has(path)) continue;
    seen.add(path);
    if (path !== workspace && !entry.link) {
      const component = toNpmComponent(path, entry);
      found.set(component['bom-ref'], component);
    }
    for (const name of Object.keys({ ...entry.dependencies, ...entry.optionalDependencies })) {
      const resolved = resolve(lock, path, name);
      // An optional one may be for another platform, and not be there.
      if (resolved) queue.push(resolved);
    }
  }
  return [...found.values()];
}

/** Where Node would find a package that is asked for from a path: the nearest folder node_modules upwards. */
function resolve(lock: NpmLock, from: string, name: string): string | undefined {
  const parts = from.split('/');
  for (let length = parts.length; length >= 0; length -= 1) {
    const folder = parts.slice(0, length).join('/');
    const path = `${folder ? `${folder}/` : ''}node_modules/${name}`;
    if (lock.packages[path]) return path;
  }
  return undefined;
}

function toNpmComponent(path: string, { version = '', license }: NpmLock['packages'][string]): BomComponent {
  const name = path.replace(/^.*node_modules\//, '');
  const purl = `pkg:npm/${name.replace('@', '%40')}@${encodeURIComponent(version)}`;
  return {
    ...{ type: 'library', 'bom-ref': purl, name, version, purl },
    ...(license === undefined ? {} : { licenses: [toLicense(license)] }),
  };
}

/** A compound such as (MIT OR CC0-1.0) is an expression, a single one a name. */
function toLicense(text: string): Record<string, unknown> {
  return /[ ()]/.test(text) ? { expression: text } : { license: { name: text } };
}
