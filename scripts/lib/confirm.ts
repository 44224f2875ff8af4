import { createInterface } from 'node:readline/promises';
import { DescribedError, Exit } from './errors.ts';

/**
 * Asks before something that is hard to take back.
 * @param yes has been said already, by a flag
 * @throws DescribedError unless the answer is yes; without a terminal nobody can be asked
 */
export async function confirm(question: string, yes: boolean): Promise<void> {
  if (yes) return;
  if (!process.stdin.isTTY) {
    throw new DescribedError('Nobody is there to ask', 'say yes beforehand: YES=1, or --yes', Exit.usage);
  }
  const asking = createInterface({ input: process.stdin, output: process.stdout });
  const answer = await asking.question(`${question} [y/N] `).finally(() => asking.close());
  if (!/^y(es)?$/i.test(answer.trim())) throw new DescribedError('Nothing was changed', 'answer y to go on');
}
