import { Resolver } from 'node:dns/promises';
import { connect } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import { app } from '../../app/contract.ts';
import { type Finding, fail, none, ok, skip, warn } from '../../verify/check.ts';
import { findNpmContainer, readNames } from '../npm/container.ts';
import type { Context, ProxyCheck } from './check.ts';
import { isPrivate, judgeDays, judgeRedirect } from './rules.ts';
import type { Site } from './site.ts';

const CONNECT_MS = 5000;
const TLS = 'OWASP Transport Layer Security Cheat Sheet';
const PROXY_HOST = 'make npm-proxy-host DOMAIN=...';
const NOT_DNS = 'not asked: --connect names the place';

async function resolve(domain: string): Promise<string[]> {
  const resolver = new Resolver({ timeout: 3000, tries: 2 });
  const found = await Promise.allSettled([resolver.resolve4(domain), resolver.resolve6(domain)]);
  return found.flatMap((one) => (one.status === 'fulfilled' ? one.value : []));
}

async function checkDns({ site, byDns }: Context): Promise<Finding> {
  if (!byDns) return skip(NOT_DNS);
  const addresses = await resolve(site.place.domain);
  if (addresses.length === 0) return fail(`${site.place.domain} has neither an A nor an AAAA record`);
  const found = addresses.join(', ');
  return addresses.every(isPrivate)
    ? warn(`${found}: private, so that the internet cannot reach it`)
    : ok(found);
}

async function checkAddresses({ site, byDns }: Context): Promise<Finding> {
  if (!byDns) return skip(NOT_DNS);
  const addresses = await resolve(site.place.domain);
  const silent = await Promise.all(addresses.map(async (one) => ((await accepts(one)) ? [] : [one])));
  if (addresses.length === 0) return fail('there is no address');
  return silent.flat().length > 0
    ? fail(`no connection to ${silent.flat().join(', ')}`)
    : ok('each takes connections');
}

function accepts(host: string): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect({ host, port: 443, timeout: CONNECT_MS });
    const end = (answer: boolean) => {
      socket.destroy();
      done(answer);
    };
    socket.once('connect', () => end(true));
    socket.once('timeout', () => end(false));
    socket.once('error', () => end(false));
  });
}

/** Whether the server speaks a version; undefined where this Node cannot ask. */
async function speaks(
  site: Site,
  version: NonNullable<ConnectionOptions['minVersion']>,
): Promise<boolean | undefined> {
  // The old versions need what OpenSSL calls level 0, on this side too.
  const options = { minVersion: version, maxVersion: version, ciphers: 'DEFAULT@SECLEVEL=0' };
  try {
    (await site.connect(options)).destroy();
    return true;
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException;
    if (/ECONNREFUSED|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|EHOSTUNREACH/.test(code)) throw error;
    return /no protocols available/i.test(message) ? undefined : false;
  }
}

async function checkNewVersions({ site }: Context): Promise<Finding> {
  const spoken = await Promise.all([speaks(site, 'TLSv1.2'), speaks(site, 'TLSv1.3')]);
  const missing = ['TLS 1.2', 'TLS 1.3'].filter((_, index) => !spoken[index]);
  return missing.length > 0 ? fail(`${missing.join(' and ')} refused`) : ok('both');
}

async function checkOldVersions({ site }: Context): Promise<Finding> {
  const spoken = await Promise.all([speaks(site, 'TLSv1'), speaks(site, 'TLSv1.1')]);
  const allowed = ['TLS 1.0', 'TLS 1.1'].filter((_, index) => spoken[index]);
  if (allowed.length > 0) return fail(`${allowed.join(' and ')} accepted`);
  return spoken.includes(undefined) ? skip('this Node cannot speak them itself') : ok('both refused');
}

async function checkChain({ site }: Context): Promise<Finding> {
  const socket = await site.connect();
  const { issuer, subjectaltname } = socket.getPeerCertificate();
  const error = String(socket.authorizationError ?? '');
  socket.destroy();
  // How long it lasts is asked by itself.
  if (error && error !== 'CERT_HAS_EXPIRED') return fail(`${error}, for ${subjectaltname ?? 'no name'}`);
  return ok(`issued by ${issuer?.O ?? issuer?.CN ?? 'nobody'} for ${subjectaltname?.replaceAll('DNS:', '')}`);
}

/** All that the proxy host answers to, where NPM's container shows it: with Force SSL a name without a certificate is broken. */
async function checkNames({ site, settings, byDns }: Context): Promise<Finding> {
  const container = await findNpmContainer(settings.network);
  const names = container ? await readNames(container.name, site.place.domain) : [];
  const others = names.filter((name) => name !== site.place.domain && !name.startsWith('*'));
  if (others.length === 0) return skip('no other name of the host is seen');
  const wrong = await Promise.all(others.map((name) => findTlsError(site, name, byDns)));
  return none(wrong.flat(), `${others.join(', ')}: each is covered`);
}

async function findTlsError(site: Site, name: string, byDns: boolean): Promise<string[]> {
  try {
    const socket = await site.connect({ servername: name, ...(byDns ? { host: name } : {}) });
    const error = socket.authorizationError;
    socket.destroy();
    return error ? [`${name}: ${error}`] : [];
  } catch (error) {
    return [`${name}: ${(error as NodeJS.ErrnoException).code ?? (error as Error).message}`];
  }
}

async function checkDays({ site }: Context): Promise<Finding> {
  const socket = await site.connect();
  const { valid_to } = socket.getPeerCertificate();
  socket.destroy();
  return judgeDays(Date.parse(valid_to), Date.now());
}

async function checkHttp2({ site }: Context): Promise<Finding> {
  const socket = await site.connect({ ALPNProtocols: ['h2', 'http/1.1'] });
  const protocol = socket.alpnProtocol;
  socket.destroy();
  return protocol === 'h2' ? ok('h2') : fail(`the server chooses ${protocol || 'nothing'}`);
}

async function checkRedirect({ site }: Context): Promise<Finding> {
  for (const path of [app.deepLink, '/api/health']) {
    const { status, headers } = await site.askPlain(path);
    const finding = judgeRedirect(
      status,
      headers.get('location')?.[0],
      `https://${site.place.domain}${path}`,
    );
    if (finding.status !== 'ok') return finding;
  }
  return ok('301, path and query kept, the API too');
}

/** From the name to an encrypted connection. */
export const TRANSPORT: readonly ProxyCheck[] = [
  {
    id: 'dns',
    family: 'transport',
    title: 'The domain has an address that the internet can reach',
    source: 'RFC 1034, section 3.6',
    fix: 'make an A record (and AAAA, if the host has IPv6) at your DNS provider',
    run: checkDns,
  },
  {
    id: 'addresses',
    family: 'transport',
    title: 'Each of its addresses takes connections on port 443',
    source: 'RFC 8305: a dead address costs each visitor time; Let’s Encrypt prefers IPv6',
    fix: 'remove the record of the dead address, or open port 443 there',
    run: checkAddresses,
  },
  {
    id: 'tls-new',
    family: 'transport',
    title: 'TLS 1.2 and 1.3 are spoken',
    source: TLS,
    fix: PROXY_HOST,
    run: checkNewVersions,
  },
  {
    id: 'tls-old',
    family: 'transport',
    title: 'TLS 1.0 and 1.1 are refused',
    source: 'RFC 8996',
    fix: 'ssl_protocols TLSv1.2 TLSv1.3; in whatever terminates TLS (NPM does so by itself)',
    run: checkOldVersions,
  },
  {
    id: 'certificate',
    family: 'transport',
    title: 'The certificate is for this domain and its chain is complete',
    source: TLS,
    fix: PROXY_HOST,
    run: checkChain,
  },
  {
    id: 'names',
    family: 'transport',
    title: 'The host’s other names have a certificate too',
    source: TLS,
    fix: `${PROXY_HOST} (it orders one for all names), or take the name off the host`,
    run: checkNames,
  },
  {
    id: 'certificate-days',
    family: 'transport',
    title: 'The certificate lasts another 21 days',
    source: 'NPM renews 30 days before the end',
    fix: 'see why NPM does not renew: docker exec YOUR_NPM_CONTAINER tail -n 40 /data/logs/letsencrypt.log',
    run: checkDays,
  },
  {
    id: 'http2',
    family: 'transport',
    title: 'HTTP/2 is offered',
    source: 'RFC 9113, section 3.2',
    fix: PROXY_HOST,
    run: checkHttp2,
  },
  {
    id: 'redirect',
    family: 'transport',
    title: 'Plain HTTP leads to HTTPS',
    source: TLS,
    fix: `${PROXY_HOST} (it forces SSL)`,
    run: checkRedirect,
  },
];
