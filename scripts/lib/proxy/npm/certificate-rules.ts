/** A certificate in Nginx Proxy Manager (NPM). */
export interface Certificate {
  id: number;
  /** `letsencrypt`, or `other` for one that was uploaded. */
  provider: string;
  /** Of an uploaded one: the first attribute of its subject, which may be no name of a host at all. */
  domain_names: string[];
  /** NPM's clock, with no zone where its database is SQLite. */
  created_on: string;
  expires_on: string;
}

/** NPM's version, as its API tells it. */
export interface NpmVersion {
  major: number;
  minor: number;
  revision: number;
}

const DAY_MS = 86_400_000;
/** NPM renews its certificates 30 days before they end: one with less than this is not being renewed. */
const MIN_VALID_MS = 7 * DAY_MS;
/** NPM waits as long as this for Let's Encrypt. */
const ORDER_MS = 15 * 60_000;

/**
 * The time of a text of NPM's in ms.
 * @param text `2026-01-31 10:00:00`, or ISO 8601
 * @param skewMs what NPM's clock, read as UTC, is ahead of ours
 */
export function parseTime(text: string, skewMs = 0): number {
  if (/(?:Z|[+-]\d\d:?\d\d)$/.test(text)) return Date.parse(text);
  return Date.parse(`${text.replace(' ', 'T')}Z`) - skewMs;
}

/** Whether a certificate is for each of the names. An uploaded one's names are not known: nobody but npm-verify can tell. */
export function coversAll({ provider, domain_names }: Certificate, names: readonly string[]): boolean {
  const own = domain_names.map((name) => name.toLowerCase());
  const covers = (name: string) => own.includes(name) || own.includes(name.replace(/^[^.]+/, '*'));
  return provider === 'other' || names.every((name) => covers(name.toLowerCase()));
}

/**
 * The certificate that a host is to have: its own uploaded one until it ends; else one that NPM has for all names and that is
 * still good, its own first, then the one that lasts longest.
 * @param ownId the number of the one that it has; 0 for none
 */
export function findCertificate(
  certificates: readonly Certificate[],
  names: readonly string[],
  ownId: number,
  now: number,
): Certificate | undefined {
  const lasts = (one: Certificate) => parseTime(one.expires_on) - now;
  const isOwn = ({ id }: Certificate) => ownId > 0 && id === ownId;
  const uploaded = certificates.find((one) => isOwn(one) && one.provider === 'other' && lasts(one) > 0);
  if (uploaded) return uploaded;
  return certificates
    .filter((one) => coversAll(one, names) && lasts(one) > MIN_VALID_MS)
    .filter((one) => one.provider !== 'other' || isOwn(one) || namesAll(one, names))
    .sort((a, b) => Number(isOwn(b)) - Number(isOwn(a)) || lasts(b) - lasts(a))[0];
}

/** One that was uploaded and that nobody chose for this host is taken only where it says the names. */
function namesAll(one: Certificate, names: readonly string[]): boolean {
  return coversAll({ ...one, provider: 'letsencrypt' }, names);
}

/** The rows of orders that failed or are under way: NPM writes them down before it asks, and they end when they begin. */
export function findLeftovers(certificates: readonly Certificate[], names: readonly string[]): Certificate[] {
  return certificates.filter(
    ({ provider, domain_names, created_on, expires_on }) =>
      provider === 'letsencrypt' &&
      domain_names.some((name) => names.includes(name.toLowerCase())) &&
      parseTime(expires_on) - parseTime(created_on) < DAY_MS,
  );
}

/**
 * Whether a row that never became a certificate is an order that may still be under way.
 * @param skewMs what NPM's clock, read as UTC, is ahead of ours
 */
export function isUnderWay({ created_on }: Certificate, now: number, skewMs: number): boolean {
  const age = now - parseTime(created_on, skewMs);
  return age > -60_000 && age < ORDER_MS;
}

/**
 * The order of a certificate at Let's Encrypt, answered over HTTP, in the form that the version wants; then in the other one, since a
 * fork or a build of somebody's own may count its versions otherwise.
 * @param email of the account; 2.13 and newer take it from the signed-in user and refuse to be told
 */
export function certificateBodies(
  names: readonly string[],
  version: NpmVersion,
  email: string,
): [first: object, other: object] {
  const order = (account: object) => ({
    ...{ provider: 'letsencrypt', domain_names: names },
    meta: { ...account, dns_challenge: false },
  });
  const [old, now] = [order({ letsencrypt_email: email, letsencrypt_agree: true }), order({})];
  const isOld = version.major < 2 || (version.major === 2 && version.minor < 13);
  return isOld ? [old, now] : [now, old];
}

/** Whether NPM refused the form of an order, and nothing was asked of Let's Encrypt. */
export function isOtherForm(message: string): boolean {
  return /must NOT have additional properties|must have required property/.test(message);
}
