import { lookup } from 'node:dns/promises';
import type { Finding } from '../../verify/check.ts';
import type { Context } from './check.ts';
import { type Answer, isPage } from './rules.ts';

/** What keeps everything else from being asked, and what to do about it. */
export interface Obstacle extends Finding {
  fix: string;
}

const PROXY_HOST = 'make npm-proxy-host DOMAIN=...';

/** The first thing in the way of any answer of this site; undefined when its page comes. */
export async function findObstacle({ site, byDns }: Context): Promise<Obstacle | undefined> {
  const { domain, host, port } = site.place;
  if (byDns && !(await lookup(domain).catch(() => undefined))) {
    return block(
      `${domain} has no address: neither an A nor an AAAA record is known here`,
      'make its A record at your DNS provider, and wait; before that: --connect ADDRESS_OF_THE_PROXY',
    );
  }
  try {
    return judgeFirst(await site.get('/'), domain);
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException;
    if (/^E(CONNREFUSED|HOSTUNREACH|NETUNREACH|TIMEDOUT|NOTFOUND|AI_AGAIN)$/.test(code))
      return block(
        `nothing takes connections at ${host}, port ${port} (${code})`,
        'open the port; is NPM up?',
      );
    if (/SSL|TLS|EPROTO/.test(code + message))
      return block(`the proxy has no certificate for ${domain}: no TLS connection comes about`, PROXY_HOST);
    return block(`${domain} does not answer: ${code || message}`, 'docker logs YOUR_NPM_CONTAINER');
  }
}

/** @param answer to the first request for the page */
export function judgeFirst(answer: Answer, domain: string): Obstacle | undefined {
  const { status } = answer;
  if (status === 401 || status === 403) {
    return block(
      `the proxy host has an access list (${status}), and nothing can be asked behind it`,
      'take the access list off the host on NPM’s page for as long as this takes',
    );
  }
  if (status >= 502 && status <= 504)
    return block(
      `the proxy does not reach the frontend (${status})`,
      'make prod-health, make npm-network-check',
    );
  if (isPage(answer)) return undefined;
  return block(`${domain} is answered by something else than this app (${status})`, PROXY_HOST);
}

function block(found: string, fix: string): Obstacle {
  return { status: 'fail', found, fix };
}
