import { DescribedError } from '../../process/errors.ts';
import { NoAnswer, type NpmClient } from './client.ts';
import { explainOffline, isMissingZone } from './failures.ts';
import { type Fields, findHost, isTaken, type ProxyHost, pickFields } from './host-rules.ts';

/** NPM wrote a host's row, and its nginx does not take what it says. */
export class NotTaken extends DescribedError {
  /** Whether it is the zone of the rate limit that is missing. */
  readonly missingZone: boolean;
  /** Whether the old settings are back and the site is up. */
  isUpAgain = false;

  constructor({ id, meta }: ProxyHost) {
    const reason = explainOffline(meta.nginx_err);
    super(
      `NPM's nginx does not take the proxy host (number ${id})${reason ? `: ${reason}` : ''}`,
      'fix what it says on NPM’s page, or see docker logs YOUR_NPM_CONTAINER; then run the same command again',
    );
    this.missingZone = isMissingZone(meta.nginx_err);
  }
}

/**
 * Makes a proxy host, or leaves none behind.
 * @param body all that it shall be, a certificate by its number
 */
export async function createHost(npm: NpmClient, domain: string, body: Fields): Promise<ProxyHost> {
  try {
    const { id } = await npm.createHost(body);
    return await readTaken(npm, id);
  } catch (error) {
    const made = findHost(await npm.hosts().catch(() => []), domain);
    // NPM's answer can be lost where its work is not.
    if (made && error instanceof NoAnswer && isTaken(made)) return made;
    if (made) await npm.removeHost(made.id).catch(() => undefined);
    throw withEnding(error, made ? await describeRemoval(npm, domain) : '');
  }
}

async function describeRemoval(npm: NpmClient, domain: string): Promise<string> {
  const hosts = await npm.hosts().catch(() => undefined);
  const gone = hosts && !findHost(hosts, domain);
  return gone ? '; the new proxy host is removed again' : '; the new proxy host could not be removed again';
}

/**
 * Changes a proxy host; what it was comes back when NPM or its nginx refuses.
 * @param before the host as it was read
 * @param fields empty to have NPM write the same configuration anew
 * @returns the host as it is now
 * @throws DescribedError, NotTaken where nginx refused; its sentence says whether the site is up
 */
export async function changeHost(npm: NpmClient, before: ProxyHost, fields: Fields): Promise<ProxyHost> {
  const body = { enabled: before.enabled, ...fields };
  let written = false;
  try {
    // A refused change leaves its row behind: marked, so that no later look takes it for what nginx serves.
    await npm.updateHost(before.id, { ...body, meta: { ...before.meta, nginx_online: false } });
    written = true;
    return await readTaken(npm, before.id);
  } catch (error) {
    if (error instanceof NoAnswer && !written) {
      const after = await npm.host(before.id).catch(() => undefined);
      if (after && isTaken(after) && isLike(after, body)) return after;
    }
    const { ending, isUp } = await takeBack(npm, before, body, written);
    if (error instanceof NotTaken) error.isUpAgain = isUp;
    throw withEnding(error, ending);
  }
}

/**
 * @param written whether NPM's nginx was given the change; else it goes on serving what it has
 * @returns how that ended, as the end of a sentence
 */
async function takeBack(
  npm: NpmClient,
  before: ProxyHost,
  body: Fields,
  written: boolean,
): Promise<{ ending: string; isUp: boolean }> {
  const old = pickFields(before, body);
  const meta = written ? { ...before.meta, nginx_online: false } : before.meta;
  const isSame = (host: ProxyHost) => isLike(host, old) && isTaken(host) === isTaken(before);
  const isUp = isTaken(before);
  const site = isUp ? 'the site is up as before' : 'the site is off line, as it was before';
  try {
    if (isSame(await npm.host(before.id))) return { ending: `; nothing was changed, and ${site}`, isUp };
    await npm.updateHost(before.id, { ...old, meta }).catch(() => undefined);
    const after = await npm.host(before.id);
    if (isSame(after)) return { ending: `; the old settings are back, and ${site}`, isUp };
    const what = isLike(after, old) ? 'are back, but the site is off line' : 'could not be put back';
    return { ending: `; the old settings ${what}: look at it on NPM’s page`, isUp: false };
  } catch {
    return { ending: '; NPM then gave no answer: whether the site is up is not known', isUp: false };
  }
}

function isLike(host: ProxyHost, fields: Fields): boolean {
  return (
    JSON.stringify(pickFields(host, fields)) === JSON.stringify(pickFields({ ...host, ...fields }, fields))
  );
}

/** NPM answers 201 and 200 whatever its nginx says: only the host read again tells. */
async function readTaken(npm: NpmClient, id: number): Promise<ProxyHost> {
  const host = await npm.host(id);
  if (isTaken(host) || !host.enabled) return host;
  throw new NotTaken(host);
}

/** The same failure with more of the story. */
function withEnding(error: unknown, ending: string): unknown {
  if (!(error instanceof DescribedError) || !ending) return error;
  error.message += ending;
  return error;
}
