/** A proxy host as Nginx Proxy Manager (NPM) gives it; only what is read here. Before 2.9 booleans came as 0 and 1. */
export interface ProxyHost {
  id: number;
  domain_names: string[];
  forward_scheme: string;
  forward_host: string;
  forward_port: number;
  allow_websocket_upgrade: boolean | number;
  block_exploits: boolean | number;
  caching_enabled: boolean | number;
  certificate_id: number;
  ssl_forced: boolean | number;
  http2_support: boolean | number;
  hsts_enabled: boolean | number;
  hsts_subdomains: boolean | number;
  enabled: boolean | number;
  advanced_config: string;
  locations?: { path: string }[] | null;
  meta: { nginx_online?: boolean; nginx_err?: string | null };
}

/** A certificate in NPM. */
export interface Certificate {
  id: number;
  provider: string;
  domain_names: string[];
  created_on: string;
  expires_on: string;
}

type Field = Exclude<keyof ProxyHost, 'id' | 'meta' | 'locations'>;
export type Fields = Partial<Pick<ProxyHost, Field>>;

/** What shall be: where the domain goes, and with which of NPM's options. */
export interface Wanted {
  domain: string;
  forwardHost: string;
  /** The zone that limits requests; null for no limit. */
  zone: string | null;
}

/** One difference between what is and what shall be. */
export interface Change {
  field: Field;
  from: ProxyHost[Field];
  to: ProxyHost[Field];
}

const DAY_MS = 86_400_000;
/** NPM renews its certificates 30 days before they end: one with less than this is not being renewed. */
const MIN_VALID_MS = 7 * DAY_MS;
/** NPM waits as long as this for Let's Encrypt. */
const ORDER_MS = 15 * 60_000;
const BEGIN = '# Rate limit of the kidney-genetics deployment: begin';
const END = '# Rate limit of the kidney-genetics deployment: end';

/** Requests a second and at once from one address: first visits of a dozen people behind one address pass. */
export const RATE = { perSecond: 50, burst: 200 } as const;

/** The name of the zone that counts a stack's requests. */
export function zoneName(prefix: string): string {
  return prefix.replaceAll('-', '_');
}

/** The line that the http block of NPM's nginx needs; a server block, which is all that the API reaches, cannot hold it. */
export function zoneLine(zone: string): string {
  return `limit_req_zone $binary_remote_addr zone=${zone}:4m rate=${RATE.perSecond}r/s;`;
}

/**
 * Puts the rate limit into a host's advanced configuration, or takes it out; what an operator wrote there stays.
 * @param current the advanced configuration as it is
 * @param zone null for no limit
 */
export function withRateLimit(current: string, zone: string | null): string {
  const own = current.replace(new RegExp(`${BEGIN}[\\s\\S]*?${END}\\s*`), '').trim();
  if (zone === null) return own;
  // A limit of the same zone that was typed by hand would be a second one, which nginx refuses.
  const others = own.replace(
    new RegExp(`limit_req\\s+zone=${zone}\\b[^;]*;\\s*(limit_req_status\\s+429;\\s*)?`, 'g'),
    '',
  );
  const limit = [BEGIN, `limit_req zone=${zone} burst=${RATE.burst} nodelay;`, 'limit_req_status 429;', END];
  return [...(others ? [others.trim(), ''] : []), ...limit].join('\n');
}

/** The proxy host that has the domain among its own. */
export function findHost(hosts: readonly ProxyHost[], domain: string): ProxyHost | undefined {
  return hosts.find(({ domain_names }) => domain_names.some((name) => name.toLowerCase() === domain));
}

/** What a new proxy host is made with: no certificate yet, because making both at once loses the TLS options. */
export function createBody(wanted: Wanted): Fields {
  return { domain_names: [wanted.domain], ...plainFields(wanted) };
}

function plainFields({ forwardHost }: Wanted): Fields {
  return {
    forward_scheme: 'http',
    forward_host: forwardHost,
    forward_port: 80,
    allow_websocket_upgrade: true,
    block_exploits: true,
    // Its cache drops Cache-Control and Vary, and answers by address alone: compressed files reach who cannot read them.
    caching_enabled: false,
  };
}

/**
 * What is to be changed on a host, the rate limit left aside.
 * @param certificateId 0 while there is none and none is coming
 */
export function findChanges(host: ProxyHost, wanted: Wanted, certificateId: number): Change[] {
  // HSTS is sent by our own nginx: from both, the browser would get it twice.
  const tls = { ssl_forced: true, http2_support: true, hsts_enabled: false, hsts_subdomains: false };
  const target: Fields = {
    ...plainFields(wanted),
    enabled: true,
    ...(certificateId !== 0 ? { certificate_id: certificateId, ...tls } : {}),
  };
  return compare(host, target);
}

/** What is to be changed on a host's advanced configuration. */
export function findLimitChanges(host: ProxyHost, zone: string | null): Change[] {
  const current = host.advanced_config ?? '';
  const to = withRateLimit(current, zone);
  return to === current.trimEnd() ? [] : [{ field: 'advanced_config', from: current, to }];
}

function compare(host: ProxyHost, target: Fields): Change[] {
  return (Object.keys(target) as Field[])
    .filter((field) => !isSame(host[field], target[field]))
    .map((field) => ({ field, from: host[field], to: target[field] as ProxyHost[Field] }));
}

function isSame(have: unknown, want: unknown): boolean {
  return typeof want === 'boolean' ? Boolean(have) === want : have === want;
}

/** The body of the PUT that makes the changes. */
export function toBody(changes: readonly Change[]): Fields {
  return Object.fromEntries(changes.map(({ field, to }) => [field, to]));
}

/** A change as a person reads it. */
export function describeChange({ field, from, to }: Change): string {
  if (field !== 'advanced_config') return `${field}: ${String(from)} → ${String(to)}`;
  const [before, after] = [from, to].map((text) => String(text).split('\n'));
  const only = (some: string[] = [], others: string[] = [], mark: string) =>
    some.filter((line) => line && !others.includes(line)).map((line) => `\n      ${mark} ${line}`);
  const [gone, added] = [only(before, after, '-'), only(after, before, '+')];
  return `advanced_config:${gone.join('')}${added.join('')}`;
}

/** A certificate that NPM has for the domain and that is still good; the one that lasts longest. */
export function findCertificate(
  certificates: readonly Certificate[],
  domain: string,
  now: number,
): Certificate | undefined {
  return certificates
    .filter((one) => covers(one, domain) && Date.parse(one.expires_on) - now > MIN_VALID_MS)
    .sort((a, b) => Date.parse(b.expires_on) - Date.parse(a.expires_on))[0];
}

function covers({ domain_names }: Certificate, domain: string): boolean {
  const wildcard = domain.replace(/^[^.]+/, '*');
  return domain_names.some((name) => name.toLowerCase() === domain || name === wildcard);
}

/** The rows of orders that failed: NPM writes them down before it asks, and they end when they begin. */
export function findLeftovers(
  certificates: readonly Certificate[],
  domain: string,
  now: number,
): Certificate[] {
  return certificates.filter(
    (one) =>
      one.provider === 'letsencrypt' &&
      one.domain_names.includes(domain) &&
      Date.parse(one.expires_on) < now &&
      Date.parse(one.expires_on) - Date.parse(one.created_on) < DAY_MS,
  );
}

/** Whether a row that never became a certificate is an order that may still be under way. */
export function isUnderWay({ created_on }: Certificate, now: number): boolean {
  const age = now - Date.parse(created_on);
  return age >= 0 && age < ORDER_MS;
}

/** NPM's version, as its API tells it. */
export interface NpmVersion {
  major: number;
  minor: number;
  revision: number;
}

/**
 * The order of a certificate at Let's Encrypt, answered over HTTP.
 * @param email of the account; 2.13 and newer take it from the signed-in user and refuse to be told
 */
export function certificateBody(domains: readonly string[], version: NpmVersion, email: string): object {
  const old = version.major < 2 || (version.major === 2 && version.minor < 13);
  const account = old ? { letsencrypt_email: email, letsencrypt_agree: true } : {};
  return { provider: 'letsencrypt', domain_names: domains, meta: { ...account, dns_challenge: false } };
}

/** A domain as NPM writes it, or undefined for what is none. */
export function parseDomain(text: string): string | undefined {
  const name = text.trim().toLowerCase().replace(/\.$/, '');
  const label = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?';
  return name.length <= 253 && new RegExp(`^${label}(?:\\.${label})*$`).test(name) ? name : undefined;
}
