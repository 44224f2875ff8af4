import { readFileSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import { DescribedError, Exit } from '../process/errors.ts';
import { ROOT } from '../process/root.ts';
import { envProblemsError } from './env-file.ts';
import { readEnvText } from './env-text-rules.ts';
import { findBadSetting, findContradiction, readSettings, type StackSettings } from './stack.ts';

/** The env file of this checkout: .env.production, or the one that ENV_FILE points to. */
export function envFilePath(): string {
  return resolve(ROOT, process.env.ENV_FILE || '.env.production');
}

/**
 * The settings of the stack this process works on, from its env file; from the environment only as long as there is no file.
 * @throws DescribedError (exit 2) on one that the engine would refuse, or that the shell gives otherwise; (exit 1) when the
 *   file cannot be read without doubt
 */
export function loadSettings(): StackSettings {
  const envFile = envFilePath();
  const values = readStackValues(envFile);
  const problem = findBadSetting(values ?? process.env);
  if (problem) throw new DescribedError(problem, 'give another one, or none at all', Exit.usage);
  if (values) assertShellAgrees(envFile, values);
  return readSettings(values ?? process.env, envFile);
}

function readStackValues(envFile: string): Record<string, string> | undefined {
  let text: string;
  try {
    text = readFileSync(envFile, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const { values, problems } = readEnvText(text);
  const [unclear] = problems.filter(({ problem }) => !problem.includes('$'));
  if (unclear) throw envProblemsError(envFile, problems);
  return values;
}

function assertShellAgrees(envFile: string, values: Readonly<Record<string, string>>): void {
  const found = findContradiction(values, process.env);
  if (!found) return;
  const { key, file, shell } = found;
  throw new DescribedError(
    `${key} is ${shell} in this shell, and ${file} in ${relative(ROOT, envFile)}, which decides`,
    `unset ${key}; to change the stack's own: make prod-env ${key}=${shell}`,
    Exit.usage,
  );
}
