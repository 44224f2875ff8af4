/** Reads a value of unknown make, such as a part of JSON: gives it typed. @throws FieldError */
export type Reader<T> = (value: unknown, path: string) => T;

/** The same, where what may be undefined may be left out. */
type Loose<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : never]?: T[K];
};

/** A field that is not what it has to be: `database.owner is no text of at most 63 characters`. */
class FieldError extends Error {}

/** A text without control characters (nor those that turn the direction of writing) that matches as a whole. */
export function text(max: number, pattern = /^\P{C}*$/u): Reader<string> {
  return (value, path) => {
    const fits = typeof value === 'string' && value.length <= max && !/\p{C}/u.test(value);
    if (fits && pattern.test(value)) return value;
    throw new FieldError(`${path} is no text that fits (at most ${max} characters)`);
  };
}

/** A whole number that a program can count with. */
export function whole(min = 0): Reader<number> {
  return (value, path) => {
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= min) return value;
    throw new FieldError(`${path} is no whole number of ${min} or more`);
  };
}

/** A moment in UTC, as Date's toISOString writes it. */
export const moment: Reader<string> = (value, path) => {
  const isMoment = typeof value === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z$/.test(value);
  if (isMoment && !Number.isNaN(Date.parse(value))) return value;
  throw new FieldError(`${path} is no time`);
};

export const flag: Reader<boolean> = (value, path) => {
  if (typeof value === 'boolean') return value;
  throw new FieldError(`${path} is neither true nor false`);
};

export function oneOf<T extends string | number>(...words: readonly T[]): Reader<T> {
  return (value, path) => {
    const word = words.find((one) => one === value);
    if (word !== undefined) return word;
    throw new FieldError(`${path} is none of ${words.join(', ')}`);
  };
}

/** What may be left out, or be null. */
export function maybe<T>(read: Reader<T>): Reader<T | undefined> {
  return (value, path) => (value === undefined || value === null ? undefined : read(value, path));
}

export function list<T>(read: Reader<T>, max: number): Reader<T[]> {
  return (value, path) => {
    if (Array.isArray(value) && value.length <= max)
      return value.map((item, index) => read(item, `${path}[${index}]`));
    throw new FieldError(`${path} is no list of at most ${max}`);
  };
}

/** Values by names that are not known beforehand. */
export function map<T>(name: Reader<string>, read: Reader<T>, max: number): Reader<Record<string, T>> {
  return (value, path) => {
    const entries = Object.entries(toRecord(value, path));
    if (entries.length > max) throw new FieldError(`${path} has more than ${max} entries`);
    return Object.fromEntries(entries.map(([key, one]) => [name(key, path), read(one, path)]));
  };
}

/** An object of known fields; what else is in it is left out. */
export function fields<T extends object>(readers: { [K in keyof T]: Reader<T[K]> }): Reader<Loose<T>> {
  return (value, path) => {
    const record = toRecord(value, path);
    const read = Object.entries<Reader<unknown>>(readers).flatMap(([key, reader]) => {
      const found = reader(
        Object.hasOwn(record, key) ? record[key] : undefined,
        path ? `${path}.${key}` : key,
      );
      return found === undefined ? [] : [[key, found] as const];
    });
    return Object.fromEntries(read) as Loose<T>;
  };
}

function toRecord(value: unknown, path: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  throw new FieldError(`${path || 'it'} is no object`);
}
