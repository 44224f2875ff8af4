import { readFileSync } from 'node:fs';
import { BlockList, isIPv4 } from 'node:net';
import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os';

/** Addresses may change while the server runs: an update takes it off its networks and puts it back on. */
const freshMs = 1000;

/** What of a machine's interfaces counts here. */
export type Interfaces = Readonly<Record<string, readonly Pick<NetworkInterfaceInfo, 'address' | 'cidr'>[]>>;

/**
 * The networks of the stack's own: all that this machine is on, but for those with a way out. Of the stack's networks the one
 * that is shared with the proxy and other apps has one, and the others never do.
 *
 * @param interfaces as os.networkInterfaces() gives them
 * @param ways names of the interfaces that a default route goes over
 */
export function listOwnNetworks(interfaces: Interfaces, ways: readonly string[]): BlockList {
  const own = new BlockList();
  own.addSubnet('127.0.0.0', 8, 'ipv4');
  own.addAddress('::1', 'ipv6');
  for (const [name, addresses] of Object.entries(interfaces)) {
    if (ways.includes(name)) continue;
    for (const { address, cidr } of addresses) {
      const bits = Number(cidr?.split('/')[1]);
      if (cidr !== null) own.addSubnet(address, bits, isIPv4(address) ? 'ipv4' : 'ipv6');
    }
  }
  return own;
}

/**
 * The interfaces with a default route.
 *
 * @param ipv4 text of /proc/net/route: name, destination (hexadecimal), ...
 * @param ipv6 text of /proc/net/ipv6_route: destination, its length (hexadecimal), ..., name
 */
export function listWaysOut(ipv4: string, ipv6: string): string[] {
  const rows = (text: string) => text.split('\n').map((line) => line.trim().split(/\s+/));
  const over4 = rows(ipv4).filter((row) => row[1] === '00000000' && row[7] === '00000000');
  const over6 = rows(ipv6).filter(
    (row) => row[0] === '0'.repeat(32) && row[1] === '00' && row.at(-1) !== 'lo',
  );
  return [...over4.map((row) => row[0] ?? ''), ...over6.map((row) => row.at(-1) ?? '')];
}

/** Tells who is one of ours. What a neighbour on a shared network says of others is not believed. */
export class Neighbours {
  #own = new BlockList();
  #readAt = Number.NEGATIVE_INFINITY;

  /** @param address of a peer; IPv4 may come as IPv6 (::ffff:10.0.0.1) */
  isOwn(address: string | undefined): boolean {
    if (address === undefined) return false;
    if (performance.now() - this.#readAt > freshMs) {
      this.#own = listOwnNetworks(
        networkInterfaces() as Interfaces,
        listWaysOut(read('route'), read('ipv6_route')),
      );
      this.#readAt = performance.now();
    }
    const bare = toIPv4(address);
    return this.#own.check(bare, isIPv4(bare) ? 'ipv4' : 'ipv6');
  }
}

/** An IPv4 address that came over a socket for both families, as it is; any other unchanged. */
export function toIPv4(address: string): string {
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address;
}

/** Empty where there is none, as without IPv6, or on another system than Linux. */
function read(name: string): string {
  try {
    return readFileSync(`/proc/net/${name}`, 'utf8');
  } catch {
    return '';
  }
}
