import { toPrintable } from '../../process/printable.ts';
import type { Certificate, NpmVersion } from './certificate-rules.ts';
import type { ProxyHost } from './host-rules.ts';

/** What NPM says is input: a part that is not of its form is left out, a text for people loses what would move the cursor. */
type Json = Record<string, unknown>;

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isId = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) > 0;
const text = (value: unknown) => (typeof value === 'string' ? value : '');
const flag = (value: unknown) => value === true || value === 1;
const number = (value: unknown) => (Number.isSafeInteger(value) ? (value as number) : 0);
const names = (value: unknown) =>
  Array.isArray(value)
    ? value
        .map(text)
        .map((one) => toPrintable(one))
        .filter(Boolean)
    : [];

/** NPM's version; undefined for what is none. A fork may count otherwise: a part that it leaves out is 0. */
export function readVersion(body: unknown): NpmVersion | undefined {
  const version = isObject(body) && isObject(body.version) ? body.version : {};
  const { major, minor, revision } = version;
  if (!Number.isSafeInteger(major)) return undefined;
  return { major: number(major), minor: number(minor), revision: number(revision) };
}

/** Proxy hosts, or hosts of another kind, as a list; undefined where there is none. */
export function readHosts(body: unknown): ProxyHost[] | undefined {
  return readList(body, readHost);
}

/** One proxy host; undefined for what is none. */
export function readHost(body: unknown): ProxyHost | undefined {
  if (!isObject(body) || !isId(body.id) || !Array.isArray(body.domain_names)) return undefined;
  const meta = isObject(body.meta) ? body.meta : {};
  return {
    id: body.id,
    domain_names: names(body.domain_names),
    forward_scheme: toPrintable(text(body.forward_scheme)),
    forward_host: toPrintable(text(body.forward_host)),
    forward_port: number(body.forward_port),
    allow_websocket_upgrade: flag(body.allow_websocket_upgrade),
    block_exploits: flag(body.block_exploits),
    caching_enabled: flag(body.caching_enabled),
    certificate_id: number(body.certificate_id),
    ssl_forced: flag(body.ssl_forced),
    http2_support: flag(body.http2_support),
    hsts_enabled: flag(body.hsts_enabled),
    hsts_subdomains: flag(body.hsts_subdomains),
    enabled: body.enabled === undefined || flag(body.enabled),
    access_list_id: number(body.access_list_id),
    advanced_config: text(body.advanced_config),
    locations: Array.isArray(body.locations) ? body.locations : [],
    modified_on: text(body.modified_on),
    meta: {
      ...meta,
      nginx_online: meta.nginx_online === true,
      nginx_err: typeof meta.nginx_err === 'string' ? meta.nginx_err : null,
    },
  };
}

/** Certificates as a list; undefined where there is none. */
export function readCertificates(body: unknown): Certificate[] | undefined {
  return readList(body, readCertificate);
}

/** One certificate; undefined for what is none. */
export function readCertificate(body: unknown): Certificate | undefined {
  if (!isObject(body) || !isId(body.id)) return undefined;
  return {
    id: body.id,
    provider: toPrintable(text(body.provider)),
    domain_names: names(body.domain_names),
    created_on: toPrintable(text(body.created_on)),
    expires_on: toPrintable(text(body.expires_on)),
  };
}

function readList<T>(body: unknown, read: (one: unknown) => T | undefined): T[] | undefined {
  return Array.isArray(body) ? body.map(read).filter((one) => one !== undefined) : undefined;
}
