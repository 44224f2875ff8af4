import { DescribedError } from '../process/errors.ts';

/**
 * Says in one sentence what the engine refuses at length: it has no address left, for a network or on one.
 * @param said by the engine, or by Compose for it
 * @returns undefined for every other refusal
 */
export function explainRefusal(said: string): DescribedError | undefined {
  // moby, daemon/libnetwork/ipam*: the words of the engine before 25 and after it.
  if (/all predefined address pools have been fully subnetted|non-overlapping IPv4 address pool/.test(said))
    return new DescribedError(
      'The engine has no address range left for another network',
      'docker network prune removes those that nobody uses; more ranges: default-address-pools in /etc/docker/daemon.json',
    );
  const [, network] =
    /no available (?:IPv[46] )?addresses on this network's address pools: (\S+)/.exec(said) ?? [];
  if (!network) return undefined;
  return new DescribedError(
    `The network ${network} has no address left: its range (--ip-range or --subnet) is too small for those who are on it`,
    `docker network inspect ${network} shows who; then docker network disconnect ${network} CONTAINER, or another network: make prod-env NPM_NETWORK=NAME`,
  );
}
