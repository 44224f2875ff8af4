import type { HostKind } from './host.ts';

/** IPv6 for every network that does not refuse it. */
const IPV6 = {
  ipv6: true,
  'fixed-cidr-v6': 'fd00:77::/64',
  'default-network-opts': { bridge: { 'com.docker.network.enable_ipv6': 'true' } },
};
const CONTAINERD = { features: { 'containerd-snapshotter': true } };
const POOLS = [
  { base: '172.30.0.0/16', size: 24 },
  { base: 'fd00:78::/48', size: 64 },
];

/** The hosts that the kit is tried on. */
export const HOSTS: readonly HostKind[] = [
  { name: 'debian-13', suite: 'trixie', engine: /^26\.1.*overlay2/, daemon: {} },
  {
    name: 'debian-13-containerd-ipv6',
    suite: 'trixie',
    engine: /^26\.1.*containerd/,
    daemon: { ...CONTAINERD, ...IPV6, experimental: true, ip6tables: true, 'default-address-pools': POOLS },
  },
  { name: 'debian-testing-ipv6', suite: 'forky', engine: /^2[89]\..*overlay2/, daemon: IPV6 },
  { name: 'debian-testing-containerd', suite: 'forky', engine: /^2[89]\..*containerd/, daemon: CONTAINERD },
];
