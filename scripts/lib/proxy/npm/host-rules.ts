import { toPrintable } from '../../process/printable.ts';
import { listStatements } from './advanced-rules.ts';
import type { Certificate } from './certificate-rules.ts';

/** A proxy host of Nginx Proxy Manager (NPM); only what is read here. */
export interface ProxyHost {
  id: number;
  domain_names: string[];
  forward_scheme: string;
  forward_host: string;
  forward_port: number;
  allow_websocket_upgrade: boolean;
  block_exploits: boolean;
  caching_enabled: boolean;
  certificate_id: number;
  ssl_forced: boolean;
  http2_support: boolean;
  hsts_enabled: boolean;
  hsts_subdomains: boolean;
  enabled: boolean;
  access_list_id: number;
  advanced_config: string;
  locations: unknown[];
  /** NPM's clock; see `parseTime`. */
  modified_on: string;
  meta: Meta;
}

/** What NPM knows of the configuration that it wrote last; online is false as well where it never came to writing it. */
export interface Meta {
  nginx_online: boolean;
  nginx_err: string | null;
}

type Field = Exclude<keyof ProxyHost, 'id' | 'meta' | 'locations' | 'access_list_id' | 'modified_on'>;
/** The body of a request that makes or changes a host. */
export type Fields = Partial<Pick<ProxyHost, Field>>;

/** What shall be: where the domain goes, and with which of NPM's options. */
export interface Wanted {
  domain: string;
  forwardHost: string;
}

/** One difference between what is and what shall be. */
export interface Change {
  field: Field;
  from: ProxyHost[Field];
  to: ProxyHost[Field];
}

/** The proxy host that has the domain among its own. */
export function findHost(hosts: readonly ProxyHost[], domain: string): ProxyHost | undefined {
  return hosts.find(({ domain_names }) => domain_names.some((name) => name.toLowerCase() === domain));
}

/** What a new proxy host is made with: no certificate yet, because making both at once loses the TLS options. */
export function createBody(wanted: Wanted): Fields {
  return { domain_names: [wanted.domain], ...plainFields(wanted) };
}

/** A host as NPM makes it from `createBody`. */
export function newHost(wanted: Wanted): ProxyHost {
  return {
    ...{ id: 0, domain_names: [], forward_scheme: '', forward_host: '', forward_port: 0, certificate_id: 0 },
    ...{ allow_websocket_upgrade: false, block_exploits: false, caching_enabled: false, enabled: true },
    ...{ ssl_forced: false, http2_support: false, hsts_enabled: false, hsts_subdomains: false },
    ...{ advanced_config: '', access_list_id: 0, locations: [], modified_on: '' },
    meta: { nginx_online: true, nginx_err: null },
    ...createBody(wanted),
  };
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
 * What is to be changed on a host, its advanced configuration left aside.
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
  return (Object.keys(target) as Field[])
    .filter((field) => host[field] !== target[field])
    .map((field) => ({ field, from: host[field], to: target[field] as ProxyHost[Field] }));
}

/** The change of a host's advanced configuration to a text; none where it is that. */
export function findTextChange({ advanced_config: from }: ProxyHost, to: string): Change[] {
  return to === from.trimEnd() ? [] : [{ field: 'advanced_config', from, to }];
}

/** The body of the PUT that makes the changes. */
export function toBody(changes: readonly Change[]): Fields {
  return Object.fromEntries(changes.map(({ field, to }) => [field, to]));
}

/** What a host has in the fields that a change is about. */
export function pickFields(host: ProxyHost, fields: Fields): Fields {
  return Object.fromEntries((Object.keys(fields) as Field[]).map((field) => [field, host[field]]));
}

/** A change as a person reads it. */
export function describeChange({ field, from, to }: Change): string {
  if (field !== 'advanced_config') return `${field}: ${String(from)} → ${String(to)}`;
  const [before, after] = [from, to].map((text) => String(text).split('\n'));
  const only = (some: string[] = [], others: string[] = [], mark: string) =>
    some
      .filter((line) => line && !others.includes(line))
      .map((line) => `\n      ${mark} ${toPrintable(line)}`);
  const [gone, added] = [only(before, after, '-'), only(after, before, '+')];
  return `advanced_config:${gone.join('')}${added.join('')}`;
}

/** Whether NPM's nginx is known to serve the host as its row says; a row alone may be one that a refused change left. */
export function isTaken({ meta }: ProxyHost): boolean {
  return meta.nginx_online;
}

/** What a row's options make of a host's configuration, in the words of NPM and of NPMplus; each is one line or more. */
const OPTION_LINES = {
  allow_websocket_upgrade: /^proxy_set_header Upgrade \$http_upgrade;$/m,
  block_exploits: /^(?:include \S*\/block-exploits\.conf|modsecurity on);$/m,
  ssl_forced: /^include \S*\/force-(?:ssl|tls)\.conf;$/m,
} as const;

/**
 * Whether a configuration that NPM wrote says something else than the host's row: after a change that it could not finish
 * NPM goes on serving the old one. One that does not say where it leads, as a fork may write it, is not judged.
 * @param config the text of /data/nginx/proxy_host/ID.conf
 */
export function isStale(config: string, host: ProxyHost, certificates: readonly Certificate[]): boolean {
  const text = config.replace(/^[^\S\n]+|[^\S\n]+$/gm, '').replace(/[^\S\n]+/g, ' ');
  const leads = ['forward_scheme', 'server', 'port'].map(
    (name) => new RegExp(`^set \\$${name} "?([^"\\n]*?)"?;$`, 'm').exec(text)?.[1],
  );
  if (leads.includes(undefined)) return false;
  const certificate = certificates.find(({ id }) => id === host.certificate_id);
  const served = /^ssl_certificate \S*\/npm-(\d+)\//m.exec(text)?.[1];
  const shall = { ...host, ssl_forced: certificate !== undefined && host.ssl_forced };
  const statement = (one: string) => one.replace(/\s+/g, ' ');
  return (
    leads.join(' ') !== `${host.forward_scheme} ${host.forward_host} ${host.forward_port}` ||
    served !== (certificate && String(certificate.id)) ||
    Object.entries(OPTION_LINES).some(
      ([option, line]) => line.test(text) !== shall[option as keyof typeof OPTION_LINES],
    ) ||
    listStatements(host.advanced_config).some((one) => !statement(text).includes(`${statement(one.text)};`))
  );
}

/**
 * The names of the server block that has a domain among its own, as it can be printed; none where no block has.
 * @param configs what NPM wrote for its proxy hosts, one after the other
 */
export function findServerNames(configs: string, domain: string): string[] {
  const lists = [...configs.matchAll(/^\s*server_name\s+([^;]+);/gm)].map(([, names = '']) =>
    names
      .split(/\s+/)
      .map((name) => toPrintable(name))
      .filter(Boolean),
  );
  return lists.find((names) => names.includes(domain)) ?? [];
}
