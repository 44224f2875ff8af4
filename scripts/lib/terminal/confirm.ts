import { DescribedError, Exit } from '../process/errors.ts';
import { ask } from './prompt.ts';

/**
 * Asks before something that is hard to take back.
 * @param yes has been said already, by a flag
 * @throws DescribedError unless the answer is yes; without a terminal nobody can be asked
 */
export async function confirm(question: string, yes: boolean): Promise<void> {
  if (yes) return;
  const hint = 'say yes beforehand: YES=1, or --yes';
  if (!process.stdin.isTTY) throw new DescribedError('Nobody is there to ask', hint, Exit.usage);
  const answer = await ask(`${question} [y/N]`, false, hint);
  if (!/^y(es)?$/i.test(answer)) throw new DescribedError('Nothing was changed', 'answer y to go on');
}
