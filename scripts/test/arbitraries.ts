import assert from 'node:assert/strict';
import fc from 'fast-check';

/** How long a property is tried; FUZZ_RUNS=20000 before something is released, or for the night. */
export const RUNS = { numRuns: Number(process.env.FUZZ_RUNS ?? 150), includeErrorInReport: true };

/**
 * What a reader gives; undefined where it refuses with a reason. A fault of its own, such as a TypeError, is none.
 * @throws AssertionError
 */
export function assertRefusal<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    const isFault = [TypeError, RangeError, ReferenceError, assert.AssertionError].some(
      (kind) => error instanceof kind,
    );
    assert.ok(error instanceof Error && !isFault && error.message.length > 0, String(error));
    return undefined;
  }
}

/** Texts that attack whoever prints, quotes or stores them. */
export const hostileText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.constantFrom(
    '',
    '\u001b]0;title\u0007\u001b[31m',
    '\u202egpj.exe',
    "'; DROP DATABASE x; --",
    '\\! touch /tmp/pwned',
    '$(touch /tmp/pwned)',
    '`id`',
    '../../etc/passwd',
    '/etc/passwd',
    '__proto__',
    'constructor',
    'a\nb\r\nc\u2028d',
    '$\u007bPOSTGRES_PASSWORD}',
    '%n%s',
    '\0',
    'x'.repeat(100_000),
    `a${' '.repeat(20_000)}b`,
    '--force',
    '\u009b31m',
  ),
);

/** Any JSON value, bent: other kinds, other sizes, hostile texts, further and missing keys. */
const hostileJson = fc.jsonValue({ maxDepth: 3 }).chain((value) => fc.oneof(fc.constant(value), hostileText));

/** A JSON object like a good one, of which some fields, at any depth, are hostile or gone. */
export function bent<T extends object>(good: T): fc.Arbitrary<unknown> {
  const paths = listPaths(good);
  const edits = fc.array(fc.tuple(fc.constantFrom(...paths), fc.oneof(hostileJson, fc.constant(undefined))), {
    minLength: 1,
    maxLength: 4,
  });
  return edits.map((all) =>
    all.reduce<unknown>((value, [path, to]) => replaceAt(value, path, to), structuredClone(good)),
  );
}

/** A text like a good one, with lines changed, cut off, doubled or put in. */
export function bentText(good: string): fc.Arbitrary<string> {
  const lines = good.split('\n');
  const at = fc.nat(lines.length);
  const edit = fc.oneof(
    fc.tuple(at, hostileText).map(([n, text]) => [...lines.slice(0, n), text, ...lines.slice(n)].join('\n')),
    at.map((n) => lines.toSpliced(n, 1).join('\n')),
    fc.tuple(at, at).map(([n, m]) => lines.toSpliced(n, 0, lines[m] ?? '').join('\n')),
    fc.nat(good.length).map((n) => good.slice(0, n)),
    fc.tuple(fc.nat(good.length), hostileText).map(([n, text]) => good.slice(0, n) + text + good.slice(n)),
  );
  return fc.oneof(edit, hostileText);
}

type Path = readonly (string | number)[];

function listPaths(value: unknown, path: Path = []): Path[] {
  if (typeof value !== 'object' || value === null) return [path];
  const below = Object.entries(value).flatMap(([key, one]) => listPaths(one, [...path, key]));
  return path.length > 0 ? [path, ...below] : below;
}

function replaceAt(value: unknown, [key, ...rest]: Path, to: unknown): unknown {
  if (key === undefined) return to;
  if (typeof value !== 'object' || value === null) return value;
  const record = value as Record<string | number, unknown>;
  const changed = replaceAt(record[key], rest, to);
  if (!Array.isArray(value)) return { ...value, [key]: changed };
  return value.map((one, index) => (index === Number(key) ? changed : one));
}
