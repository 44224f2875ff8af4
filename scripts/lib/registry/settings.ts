import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { DescribedError, Exit } from '../process/errors.ts';
import { ROOT } from '../process/root.ts';
import type { EnvValues } from '../stack/env-rules.ts';
import { parseRegistry } from './reference-rules.ts';

/**
 * The registry that a command works on.
 * @param given on the command line; else the one of the env file
 * @throws DescribedError (exit 2) where there is none
 */
export function chooseRegistry(env: EnvValues, given?: string): string {
  const registry = given || env.REGISTRY;
  if (registry) return parseRegistry(registry);
  throw new DescribedError(
    'No registry is named',
    'REGISTRY=ghcr.io/owner in .env.production, or on the command line',
    Exit.usage,
  );
}

/**
 * Reads a file that a setting names.
 * @param path absolute, or from this checkout's folder
 * @param setting names it in an error
 * @param hint what helps where it cannot be read
 * @throws DescribedError (exit 2)
 */
export function readNamedFile(path: string, setting: string, hint: string): string {
  try {
    return readFileSync(resolve(ROOT, path), 'utf8');
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    throw new DescribedError(`${setting} names ${path}, which cannot be read (${code})`, hint, Exit.usage);
  }
}
