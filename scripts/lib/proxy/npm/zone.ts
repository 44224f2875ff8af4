import { ask } from '../../terminal/prompt.ts';
import { say, sayOk } from '../../terminal/report.ts';
import { addZone, addZoneCommand, hasZone } from './container.ts';

/**
 * Whether NPM's nginx has the zone that the rate limit counts in; where it has not, and somebody is there to ask, it is offered to
 * add it: NPM's API cannot.
 * @param container NPM's; empty where Docker does not show it
 * @returns undefined where that cannot be seen
 */
export async function findZone(
  container: string,
  zone: string | null,
  dryRun: boolean,
): Promise<boolean | undefined> {
  if (zone === null) return true;
  if (!container) return undefined;
  if (await hasZone(container, zone)) return true;
  if (dryRun || !process.stdin.isTTY) return false;
  const answer = await ask(
    `Add the rate limit's zone to the nginx of ${container}? It is one line in a file [y/N]`,
    false,
    '',
  );
  if (!/^y(es)?$/i.test(answer)) return false;
  await addZone(container, zone);
  sayOk(`The zone ${zone} is added`);
  return true;
}

/** All else is done; the limit needs a line in a file on NPM's volume. */
export async function sayZoneMissing(container: string, zone: string): Promise<void> {
  say(
    'One step is left, the rate limit: NPM’s nginx has no zone for it yet, and NPM’s API cannot give it one. Once:',
  );
  say(`  ${await addZoneCommand(container, zone)}`);
  say('then the same command again; without a limit: --no-rate-limit');
}
