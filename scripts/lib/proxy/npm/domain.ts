import { isIP } from 'node:net';
import { domainToASCII } from 'node:url';
import { DescribedError, Exit } from '../../process/errors.ts';

/** A domain as NPM and certificates write it (RFC 5891: `xn--`), or undefined for what is none. */
export function parseDomain(text: string): string | undefined {
  const name = text.trim().replace(/\.$/, '');
  if (!/^[\p{L}\p{M}\p{N}.-]+$/u.test(name)) return undefined;
  const ascii = domainToASCII(name);
  const label = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?';
  const isName = ascii.length <= 253 && new RegExp(`^${label}(?:\\.${label})*$`).test(ascii);
  return isName && !isIP(ascii) && !/^(?:.*\.)?\d+$/.test(ascii) ? ascii : undefined;
}

/**
 * The domain that a command is given.
 * @param target the make target, for the message
 * @throws DescribedError (exit 2) for none
 */
export function readDomain(word: string | undefined, target: string): string {
  const domain = parseDomain(word ?? '');
  if (domain) return domain;
  const cause = !word
    ? 'Say which domain'
    : isIP(word) || isIP(domainToASCII(word))
      ? `${word} is an address: a certificate takes a domain name that leads to it`
      : `${word} is no domain name`;
  throw new DescribedError(cause, `make ${target} DOMAIN=kidney-genetics.example.com`, Exit.usage);
}
