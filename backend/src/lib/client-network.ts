import { isIPv6 } from 'node:net';
import { toIPv4 } from './neighbours.ts';

/**
 * Whom an address counts for: itself, or with IPv6 its network of 64 bits, all of which one subscriber has (RFC 6177).
 *
 * @returns the address, or the first four groups of one of IPv6
 */
export function clientNetwork(address: string): string {
  const bare = toIPv4(address);
  if (!isIPv6(bare)) return bare;
  const [head = '', tail] = (bare.split('%')[0] ?? '').toLowerCase().split('::');
  const groups = (text: string) => (text === '' ? [] : text.split(':'));
  const last = groups(tail ?? '');
  // An IPv4 address at the end stands for two groups.
  const length = groups(head).length + last.length + (last.at(-1)?.includes('.') ? 1 : 0);
  const middle = tail === undefined ? [] : Array.from({ length: 8 - length }, () => '0');
  const whole = [...groups(head), ...middle, ...last].slice(0, 4);
  return whole.map((group) => group.replace(/^0+(?=.)/, '')).join(':');
}
