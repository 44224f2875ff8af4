import type { InspectedContainer } from './inspect.ts';

type Rights = Pick<InspectedContainer['HostConfig'], 'Privileged' | 'NetworkMode' | 'CapAdd' | 'CapDrop'>;

/**
 * What a container may do to others on its networks, beyond talking to them (capabilities(7)): NET_RAW forges packets, ARP among
 * them, so that others send it what is not its own, and the engine gives it to each container that does not drop it; NET_ADMIN
 * sets routes as well.
 * @returns nothing for one that may do nothing of the kind
 */
export function listPowers({ Privileged, NetworkMode, CapAdd, CapDrop }: Rights): string[] {
  if (Privileged) return ['privileged: anything, on this host too'];
  if (NetworkMode === 'host') return ['on the host’s own network'];
  const bare = (names: string[] | null) =>
    (names ?? []).map((name) => name.toUpperCase().replace(/^CAP_/, ''));
  const [added, dropped] = [bare(CapAdd), bare(CapDrop)];
  const has = (name: string, byDefault: boolean) =>
    added.includes(name) ||
    (!dropped.includes(name) && (added.includes('ALL') || (byDefault && !dropped.includes('ALL'))));
  return [
    has('NET_ADMIN', false) ? 'NET_ADMIN: sets routes' : '',
    has('NET_RAW', true) ? 'NET_RAW: forges packets' : '',
  ].filter(Boolean);
}
