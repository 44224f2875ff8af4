import type { IncomingHttpHeaders } from 'node:http';

/**
 * Tells whether a WebSocket may be opened from a page of this origin. Browsers let any page open one to anywhere and
 * send the Origin along; programs that are no browsers send none.
 *
 * @param headers of the opening request; X-Forwarded-Host as a proxy sets it
 * @param trusted origins allowed besides our own
 * @param fromOwn whether the request comes over the stack's own network: what others say of the host proves nothing
 */
export function isOriginAllowed(
  headers: IncomingHttpHeaders,
  trusted: readonly string[],
  fromOwn: boolean,
): boolean {
  const { origin, host } = headers;
  if (origin === undefined) return true;
  if (!URL.canParse(origin)) return false;
  const url = new URL(origin);
  if (trusted.includes(url.origin)) return true;
  if (!fromOwn) return false;
  const forwarded = headers['x-forwarded-host'];
  const own = [host, ...(typeof forwarded === 'string' ? forwarded.split(',') : [])];
  return own.some((name) => name !== undefined && isSameHost(name.trim(), url));
}

/**
 * A proxy may have taken the port out of the Host header, its scheme's own or another: Nginx Proxy Manager passes `$host`, which has
 * none. Then the names have to do; where both name a port, the ports have to agree too.
 */
function isSameHost(host: string, origin: URL): boolean {
  const address = `${origin.protocol}//${host}`;
  if (!URL.canParse(address)) return false;
  const own = new URL(address);
  return /:\d+$/.test(host) ? own.host === origin.host : own.hostname === origin.hostname;
}
