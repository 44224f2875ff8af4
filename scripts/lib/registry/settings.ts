import { DescribedError, Exit } from '../process/errors.ts';
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
