import { readFile, stat } from 'node:fs/promises';
import { relative } from 'node:path';
import { DescribedError, Exit } from '../process/errors.ts';
import { ROOT } from '../process/root.ts';
import { run } from '../process/shell.ts';
import { type EnvProblem, type EnvValues, findEnvProblems, parseEnvFile } from './env-rules.ts';

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
  const [values, { mode }, tracked] = await Promise.all([
    readEnvValues(path),
    stat(path),
    run(['git', 'ls-files', '--error-unmatch', '--', path], { cwd: ROOT }),
  ]);
  const facts = { mode: mode & 0o777, trackedByGit: tracked.exitCode === 0 };
  return { values, problems: findEnvProblems(values, facts) };
}

/**
 * Reads the env file and checks nothing.
 * @throws Error when it cannot be read
 */
export async function readEnvValues(path: string): Promise<EnvValues> {
  return parseEnvFile(await readFile(path, 'utf8')) as EnvValues;
}
