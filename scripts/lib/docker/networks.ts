import { inspect } from './inspect.ts';

/** The ids of those networks that are there, by name. */
export async function readNetworkIds(names: readonly string[]): Promise<Map<string, string>> {
  return new Map((await inspect('network', names)).map(({ Name, Id }) => [Name, Id]));
}
