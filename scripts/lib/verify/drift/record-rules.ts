/** A record as it is compared: by the path of a field what stands there; of a list each item. */
export type Flat = ReadonlyMap<string, ReadonlySet<string>>;

/** Lists whose order means something; of all others Docker and Compose change the order at will. */
const ORDERED = /(^|\.)(Args|Cmd|Entrypoint|Test|Shell|Dns|DnsSearch)$/;

/**
 * Spreads out a record, whatever its fields are.
 * @param record as JSON gives it; fields that are absent, null or empty are equal
 */
export function flatten(record: unknown): Flat {
  const flat = new Map<string, Set<string>>();
  const add = (path: string, value: unknown) =>
    flat.set(path, (flat.get(path) ?? new Set()).add(sortedJson(value)));
  const walk = (value: unknown, path: string): void => {
    if (value === null || value === undefined || value === '') return;
    if (Array.isArray(value)) {
      if (ORDERED.test(path) && value.length > 0) add(path, value);
      else for (const item of value) add(path, item);
    } else if (typeof value === 'object') {
      for (const [key, inner] of Object.entries(value)) walk(inner, path ? `${path}.${key}` : key);
    } else add(path, value);
  };
  walk(record, '');
  return flat;
}

function sortedJson(value: unknown): string {
  if (typeof value === 'string') return value;
  return JSON.stringify(value, (_key, inner: unknown) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}

/**
 * Compares two records field by field.
 * @param varies whether a field may differ, by its path
 * @returns one line a field that differs: `HostConfig.Memory: 21474836480, not 1073741824`
 */
export function compareFlat(expected: Flat, found: Flat, varies: (path: string) => boolean): string[] {
  const paths = [...new Set([...expected.keys(), ...found.keys()])].filter((path) => !varies(path));
  return paths.sort().flatMap((path) => {
    const missing = without(expected.get(path), found.get(path));
    const extra = without(found.get(path), expected.get(path));
    return missing.length + extra.length === 0 ? [] : [describe(path, missing, extra)];
  });
}

function without(some: ReadonlySet<string> = new Set(), others: ReadonlySet<string> = new Set()): string[] {
  return [...some].filter((value) => !others.has(value));
}

function describe(path: string, missing: readonly string[], extra: readonly string[]): string {
  const list = (values: readonly string[]) => values.map((value) => shorten(path, value)).join(', ');
  if (missing.length === 0) return `${path}: ${list(extra)} is too much`;
  if (extra.length === 0) return `${path}: ${list(missing)} is missing`;
  return `${path}: ${list(extra)}, not ${list(missing)}`;
}

const LONGEST = 120;

/** The value of an environment variable may be a secret: its name is enough. */
function shorten(path: string, value: string): string {
  const shown = /(^|\.)Env$/.test(path) ? value.replace(/=.*/s, '') : value;
  return shown.length > LONGEST ? `${shown.slice(0, LONGEST)}…` : shown;
}
