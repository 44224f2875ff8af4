import { isIP } from 'node:net';
import { app } from '../../app/contract.ts';
import { type Finding, fail, ok, warn } from '../../verify/check.ts';

/** An answer through the proxy; header names in lower case, all values of each. */
export interface Answer {
  /** What was asked: `GET /assets/x.js`. */
  what: string;
  status: number;
  headers: ReadonlyMap<string, readonly string[]>;
  body: Buffer;
}

const DAY_MS = 86_400_000;
const WARN_DAYS = 21;
const FAIL_DAYS = 7;
const MIN_HSTS_SECONDS = 31_536_000;

/** The headers that our nginx adds with a fixed value, which no proxy may drop, double or change. */
export function parseFixedHeaders(conf: string): Map<string, string> {
  const lines = conf.matchAll(/^add_header\s+(\S+)\s+(?:"([^"]*)"|(\S+))\s+always;/gm);
  return new Map(
    [...lines]
      .map(([, name = '', quoted, bare = '']): [string, string] => [name.toLowerCase(), quoted ?? bare])
      .filter(([, value]) => !value.startsWith('$')),
  );
}

/** The values of a header. */
export function valuesOf({ headers }: Answer, name: string): readonly string[] {
  return headers.get(name) ?? [];
}

/** Whether an answer is the page of this app. */
export function isPage({ status, body }: Answer): boolean {
  return status === 200 && body.includes(app.pageMark);
}

/** Who else stands between the visitor and the proxy, by the marks that it leaves; undefined for nobody. */
export function findCdn(answer: Answer): string | undefined {
  const has = (name: string, pattern = /./) => valuesOf(answer, name).some((value) => pattern.test(value));
  if (has('cf-ray') || has('server', /^cloudflare/i)) return 'Cloudflare';
  if (has('x-amz-cf-id')) return 'CloudFront';
  if (has('x-akamai-request-id') || has('server', /^AkamaiGHost/i)) return 'Akamai';
  if (has('x-served-by', /^cache-/)) return 'Fastly';
  return has('via') || has('x-cache') ? 'a CDN or another proxy' : undefined;
}

/** What tells NPM's nginx who is asking behind a CDN. */
function cdnFix(cdn: string): string {
  const header = cdn === 'Cloudflare' ? 'CF-Connecting-IP' : 'X-Forwarded-For';
  return `in the host’s advanced configuration in NPM: real_ip_header ${header}; and for each range of its list: set_real_ip_from RANGE; (docs/operations/nginx-proxy-manager.md)`;
}

/** Each header is on each answer, once, with our nginx's own value. */
export function judgeHeaders(answers: readonly Answer[], wanted: ReadonlyMap<string, string>): Finding {
  const wrong = [...wanted].flatMap(([name, value]) => {
    const odd = answers.find((answer) => {
      const values = valuesOf(answer, name);
      return values.length !== 1 || values[0] !== value;
    });
    if (!odd) return [];
    const values = valuesOf(odd, name);
    const found = values.length === 0 ? 'is missing' : `is ${values.join(' and ')}`;
    return [`${name} ${found} on ${odd.what}`];
  });
  return wrong.length > 0
    ? fail(wrong.join('; '))
    : ok(`${wanted.size} headers on ${answers.length} answers`);
}

/** HSTS comes once, from our nginx, for a year at least. */
export function judgeHsts(answers: readonly Answer[]): Finding {
  for (const answer of answers) {
    const values = valuesOf(answer, 'strict-transport-security');
    if (values.length !== 1) {
      return fail(
        `${values.length === 0 ? 'none' : `${values.length} times (${values.join(' | ')})`} on ${answer.what}`,
      );
    }
    const seconds = Number(/max-age=(\d+)/.exec(values[0] ?? '')?.[1] ?? 0);
    if (seconds < MIN_HSTS_SECONDS) return fail(`${values[0]} on ${answer.what}: shorter than a year`);
  }
  return ok(
    `once on each of ${answers.length} answers: ${valuesOf(answers[0] as Answer, 'strict-transport-security')[0]}`,
  );
}

/** @param end when the certificate ends */
export function judgeDays(end: number, now: number): Finding {
  const days = Math.floor((end - now) / DAY_MS);
  const found = days < 0 ? `ended ${-days} days ago` : `${days} days left`;
  if (days < FAIL_DAYS) return fail(found);
  return days < WARN_DAYS ? warn(found) : ok(found);
}

/** @param location of the redirect, @param wanted where it should lead */
export function judgeRedirect(status: number, location: string | undefined, wanted: string): Finding {
  if ([301, 308].includes(status) && location === wanted) return ok(`${status} to ${location}`);
  return fail(`${status}${location ? ` to ${location}` : ''} instead of 301 to ${wanted}`);
}

/** The client that a log line of the API names: JSON, or text with LOG_FORMAT=text. */
export function findClient(log: string, requestId: string): string | undefined {
  const line = log.split('\n').find((one) => one.includes(requestId) && /"?client"?[:=]/.test(one));
  return line && /"?client"?[:=]"?([0-9a-f.:]+)/i.exec(line)?.[1];
}

/** Without the prefix of an IPv4 address in IPv6's notation. */
export function plainAddress(address: string): string {
  const bare = address.replace(/^::ffff:/i, '');
  return isIP(bare) ? bare : address;
}

/** Whether an address is of a private network, RFC 1918 or 4193, or of this host alone. */
export function isPrivate(address: string): boolean {
  return /^(10\.|127\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|169\.254\.|::1$|f[cd][0-9a-f]{2}:|fe80:)/i.test(
    address,
  );
}

/**
 * @param seen by the API
 * @param local the address that this host asked from
 * @param cdn that stands in front of the proxy
 */
export function judgeClient(
  seen: string | undefined,
  local: string,
  cdn?: string,
): Finding & { fix?: string } {
  if (seen === undefined) return fail('no line of the request in the API’s log');
  if (seen === local) return ok(`the API saw ${seen}, which is this host${cdn ? `, behind ${cdn}` : ''}`);
  if (cdn) {
    const found = `${cdn} is in front, and the API saw ${seen}, not ${local}`;
    const fix = cdnFix(cdn);
    // From a private address nobody can tell an edge of the CDN from the address that the internet sees.
    if (isPrivate(local) && !isPrivate(seen))
      return { ...warn(`${found}: that is you, or one of its edges`), fix };
    return { ...fail(`${found}: all behind one edge share one limit`), fix };
  }
  if (/^(127\.|::1$)/.test(local)) {
    return warn(
      `the API saw ${seen}: asked over loopback, Docker's own address stands in; ask from elsewhere`,
    );
  }
  if (isPrivate(seen)) return fail(`the API saw ${seen}, a private address, and not ${local}`);
  if (isPrivate(local)) return ok(`the API saw ${seen}, this host's address in the internet as it seems`);
  return fail(`the API saw ${seen}, and this host is ${local}: another proxy is in between`);
}

/** @param forged what each header claimed, and what the API then saw */
export function judgeForged(
  honest: string | undefined,
  forged: readonly { header: string; claimed: string; seen: string | undefined }[],
  local: string,
): Finding {
  if (honest === undefined || forged.some(({ seen }) => seen === undefined)) {
    return fail('no line of the request in the API’s log');
  }
  const believed = forged.filter(({ claimed, seen }) => seen === claimed);
  if (believed.length === 0) return ok(`${forged.map(({ header }) => header).join(', ')}: none is believed`);
  const names = believed.map(({ header }) => header).join(' and ');
  if (names === 'X-Real-IP' && isPrivate(local)) {
    return warn(
      'X-Real-IP is believed from private addresses such as this one, as NPM does; from the internet it is not',
    );
  }
  return fail(`${names} is believed: anybody can be anybody in the log`);
}
