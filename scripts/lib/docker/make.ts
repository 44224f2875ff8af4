import { mustRun, type RunOptions } from '../process/shell.ts';
import { explainRefusal } from './refusal-rules.ts';

/**
 * `mustRun` for what makes networks or containers.
 * @throws DescribedError, of one sentence where the engine has no address left
 */
export function mustMake(argv: readonly string[], hint: string, options: RunOptions = {}): Promise<string> {
  return mustRun(argv, hint, options).catch((error: Error) => {
    throw explainRefusal(error.message) ?? error;
  });
}
