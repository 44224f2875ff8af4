import { DescribedError, Exit } from '../process/errors.ts';
import { ROOT } from '../process/root.ts';
import { findBadSetting, readSettings, type StackSettings } from './stack.ts';

/**
 * The settings of the stack this process works on.
 * @throws DescribedError (exit 2) on one that the engine would refuse
 */
export function loadSettings(): StackSettings {
  const settings = readSettings(process.env, ROOT);
  const problem = findBadSetting(settings);
  if (problem) throw new DescribedError(problem, 'give another one, or none at all', Exit.usage);
  return settings;
}
