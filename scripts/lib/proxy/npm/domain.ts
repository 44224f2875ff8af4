import { DescribedError, Exit } from '../../process/errors.ts';
import { parseDomain } from './host-rules.ts';

/**
 * The domain that a command is given.
 * @param target the make target, for the message
 * @throws DescribedError (exit 2) for none
 */
export function readDomain(word: string | undefined, target: string): string {
  const domain = parseDomain(word ?? '');
  if (domain) return domain;
  const cause = word ? `${word} is no domain name` : 'Say which domain';
  throw new DescribedError(cause, `make ${target} DOMAIN=kidney-genetics.example.com`, Exit.usage);
}
