/** One fault of the env file: its key, or its line where there is no key. */
export interface EnvProblem {
  key: string;
  problem: string;
}

/** What an env file says, and what in it programs would read differently. */
export interface EnvText {
  values: Record<string, string>;
  problems: EnvProblem[];
}

type Parsed = { value: string } | { problem: string };

/** As Compose reads it, `export` and blanks around the = included; what follows the = is read by `parseValue`. */
const ASSIGNMENT = /^(\s*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)[ \t]*=)(.*)$/s;
const QUOTED = /^(?:"([^"]*)"|'([^']*)')(?:\s+#.*)?$/s;
/** Control characters, marks of byte order and what stands for bytes that are no UTF-8. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const UNREADABLE = /[\u0000-\u0008\u000b-\u001f\u007f\u0085\u2028\u2029\ufeff\ufffd]/;

/**
 * Reads an env file in the grammar that Compose and shells of people share: what they read differently is a problem, with its line.
 * @param text the file's content; a byte order mark at its beginning and CRLF are passed over, as Compose does
 */
export function readEnvText(text: string): EnvText {
  const values: Record<string, string> = {};
  const problems: EnvProblem[] = [];
  const lines = new Map<string, number>();
  splitLines(text).forEach((content, index) => {
    const line = index + 1;
    if (/^\s*(#.*)?$/.test(content)) return;
    const [, , key = '', rest = ''] = ASSIGNMENT.exec(content) ?? [];
    const parsed = key ? parseValue(rest) : { problem: 'is no comment and no KEY=value' };
    const first = lines.get(key);
    if (UNREADABLE.test(content))
      problems.push({
        key: key || `line ${line}`,
        problem: at(line, 'holds a character that no editor shows'),
      });
    else if ('problem' in parsed)
      problems.push({ key: key || `line ${line}`, problem: key ? at(line, parsed.problem) : parsed.problem });
    else if (first !== undefined)
      problems.push({ key, problem: at(line, `is given again, first in line ${first}`) });
    else values[key] = parsed.value;
    if (key && first === undefined) lines.set(key, line);
  });
  return { values: withReferences(values, problems), problems };
}

function splitLines(text: string): string[] {
  return text.replace(/^\ufeff/, '').split(/\r?\n/);
}

function at(line: number, problem: string): string {
  return `(line ${line}) ${problem}`;
}

function parseValue(rest: string): Parsed {
  const text = rest.trim();
  if (text.includes('\\')) return { problem: 'holds a backslash, which programs read differently' };
  if (/^["']/.test(text)) {
    const quoted = QUOTED.exec(text);
    return quoted
      ? { value: quoted[1] ?? quoted[2] ?? '' }
      : { problem: 'has a quote that does not end the value' };
  }
  if (text.startsWith('#'))
    return {
      problem: 'begins with #, which programs read differently: put it into quotes, or leave the value empty',
    };
  const value = text.replace(/ #.*$/, '').trim();
  if (/\t/.test(value)) return { problem: 'holds a tab: put the value into quotes' };
  return { value };
}

/** ${POSTGRES_...} in DATABASE_URL is the one reference: Compose would interpolate any other $. */
function withReferences(values: Record<string, string>, problems: EnvProblem[]): Record<string, string> {
  for (const [key, value] of Object.entries(values)) {
    const resolved =
      key === 'DATABASE_URL'
        ? value.replace(/\$\{(POSTGRES_[A-Z]+)\}/g, (whole, name: string) => values[name] ?? whole)
        : value;
    if (resolved.includes('$')) problems.push({ key, problem: 'holds a $, which Compose would interpolate' });
    values[key] = resolved;
  }
  return values;
}

/**
 * Changes values of an env file and leaves the rest as it is; a key that is not there yet is added at the end.
 * @param changes plain values; `undefined` takes a key out
 * @throws Error when the text would not be read back as it was meant: nothing is written then
 */
export function changeEnvText(text: string, changes: Readonly<Record<string, string | undefined>>): string {
  const end = text.includes('\r\n') ? '\r\n' : '\n';
  const open = new Map(Object.entries(changes));
  const lines = splitLines(text).flatMap((content) => {
    const [, head = '', key = ''] = ASSIGNMENT.exec(content) ?? [];
    if (!open.has(key)) return [content];
    const value = open.get(key);
    open.delete(key);
    return value === undefined ? [] : [`${head}${quote(value)}`];
  });
  const added = [...open].flatMap(([key, value]) => (value === undefined ? [] : [`${key}=${quote(value)}`]));
  if (lines.at(-1) === '') lines.pop();
  const changed = [...lines, ...added, ''].join(end);
  assertReadsBack(changed, changes);
  return changed;
}

function quote(value: string): string {
  if (/^[^\s"'#]*$/.test(value)) return value;
  return value.includes('"') ? `'${value}'` : `"${value}"`;
}

/** @throws Error that names what is not read from a text as it was meant */
export function assertReadsBack(text: string, changes: Readonly<Record<string, string | undefined>>): void {
  const { values, problems } = readEnvText(text);
  const isLost = ([key, value]: [string, string | undefined]) =>
    values[key] !== value && !value?.includes('${');
  const [lost] = Object.entries(changes).find(isLost) ?? [];
  if (lost ?? problems[0])
    throw new Error(`${lost ?? problems[0]?.key} would not be read back as it was meant`);
}
