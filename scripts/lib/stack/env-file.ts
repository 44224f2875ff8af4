import { readFile, realpath, stat } from 'node:fs/promises';
import { relative } from 'node:path';
import { DescribedError, Exit } from '../process/errors.ts';
import { writeWhole } from '../process/files.ts';
import { ROOT } from '../process/root.ts';
import { run } from '../process/shell.ts';
import { type EnvValues, findEnvProblems } from './env-rules.ts';
import { assertReadsBack, changeEnvText, type EnvProblem, readEnvText } from './env-text-rules.ts';

/** Whether the env file is there. */
export async function envFileExists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/**
 * Reads and checks the env file.
 * @returns its values, references resolved
 * @throws DescribedError (exit 3) when it is missing, (exit 1) with all of its problems by key
 */
export async function loadEnvFile(path: string): Promise<EnvValues> {
  const { values, problems } = await inspectEnvFile(path);
  if (problems.length > 0) throw envProblemsError(path, problems);
  return values;
}

/** One error for all problems of an env file. */
export function envProblemsError(path: string, problems: readonly EnvProblem[]): DescribedError {
  const lines = problems.map(({ key, problem }) => `\n    ${key} ${problem}`).join('');
  const name = relative(ROOT, path);
  return new DescribedError(
    `${name} has ${problems.length} problem${problems.length > 1 ? 's' : ''}:${lines}`,
    `fix ${name}, then check it: make prod-env`,
  );
}

/**
 * Reads the env file with all of its problems.
 * @throws DescribedError (exit 3) when it is missing
 */
export async function inspectEnvFile(path: string): Promise<{ values: EnvValues; problems: EnvProblem[] }> {
  if (!(await envFileExists(path))) {
    throw new DescribedError(`${relative(ROOT, path)} is missing`, 'make prod-env', Exit.missing);
  }
  const [text, { mode }, tracked] = await Promise.all([
    readFile(path, 'utf8'),
    stat(path),
    run(['git', 'ls-files', '--error-unmatch', '--', path], { cwd: ROOT }),
  ]);
  const { values, problems } = readEnvText(text);
  const facts = { mode: mode & 0o777, trackedByGit: tracked.exitCode === 0 };
  const named = new Set(problems.map(({ key }) => key));
  const others = findEnvProblems(values, facts).filter(({ key }) => !named.has(key));
  return { values: values as EnvValues, problems: [...problems, ...others] };
}

/**
 * Reads the env file and checks nothing.
 * @throws Error when it cannot be read
 */
export async function readEnvValues(path: string): Promise<EnvValues> {
  return readEnvText(await readFile(path, 'utf8')).values as EnvValues;
}

/**
 * Changes values of the env file, all or nothing, and leaves the rest of it, its owner and mode as they are.
 * @param edit changes the text further, such as its comments
 * @throws Error when the file would not be read back as it was meant; it is then as it was
 */
export async function changeEnvFile(
  path: string,
  changes: Readonly<Record<string, string | undefined>>,
  edit = (text: string) => text,
): Promise<void> {
  const [text, { uid, gid }] = await Promise.all([readFile(path, 'utf8'), stat(path)]);
  const changed = edit(changeEnvText(text, changes));
  assertReadsBack(changed, changes);
  writeWhole(await realpath(path), changed, { mode: 0o600, owner: { uid, gid } });
  assertReadsBack(await readFile(path, 'utf8'), changes);
}

/** The values of the env file, unchecked; none where there is no file, as on a host that only builds. */
export async function readOptionalEnv(path: string): Promise<EnvValues> {
  return (await envFileExists(path)) ? readEnvValues(path) : {};
}
