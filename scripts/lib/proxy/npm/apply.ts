import { lookup } from 'node:dns/promises';
import { DescribedError } from '../../process/errors.ts';
import { formatDuration, say, sayOk, sayWarning } from '../../terminal/report.ts';
import type { NpmClient } from './client.ts';
import { addZoneCommand } from './container.ts';
import { explainOffline, isMissingZone } from './failures.ts';
import {
  type Certificate,
  type Change,
  certificateBody,
  createBody,
  describeChange,
  findCertificate,
  findChanges,
  findHost,
  findLeftovers,
  findLimitChanges,
  isUnderWay,
  type ProxyHost,
  toBody,
  type Wanted,
} from './host-rules.ts';
import type { SignedIn } from './sign-in.ts';

const PLACEHOLDER = 'YOUR_NPM_CONTAINER';

/** What is to be done, and how far. */
export interface Order extends Wanted {
  /** Whether a certificate may be ordered. */
  order: boolean;
  /** Whether a host that leads to another app may be taken over. */
  takeOver: boolean;
  /** Whether the rate limit is looked at; not where NPM's nginx is known to have no zone for it. */
  limit: boolean;
  /** NPM's container, where Docker shows it; else empty. */
  container: string;
  dryRun: boolean;
}

/** What NPM has. */
interface Found {
  host: ProxyHost | undefined;
  certificateId: number;
  leftovers: Certificate[];
}

/**
 * Makes NPM's proxy host for the domain what it shall be, in the order that loses nothing: host, certificate, TLS options,
 * rate limit; after each that NPM's nginx took it.
 * @returns how many changes there were, or would be
 */
export async function applyHost(signedIn: SignedIn, order: Order): Promise<number> {
  const { npm } = signedIn;
  const found = await look(npm, order.domain);
  if (found.host) refuseOtherApp(found.host, order);
  if (found.host?.locations?.length) {
    sayWarning(
      `${order.domain} has custom locations in NPM, whose nginx then does not start while their host is away; better without`,
    );
  }
  const steps = describe(found, order);
  for (const step of steps) say(`  ${step}`);
  if (order.dryRun || steps.length === 0) return steps.length;

  const host = found.host ?? (await create(npm, order));
  const certificateId = found.certificateId || (await orderCertificate(signedIn, host, found, order));
  await update(npm, host.id, findChanges(host, order, certificateId), order);
  await limit(npm, host.id, order);
  return steps.length;
}

/** Takes the domain's proxy host away; its certificate stays. @returns whether there was one */
export async function removeHost(npm: NpmClient, order: Order): Promise<boolean> {
  const host = findHost(await npm.hosts(), order.domain);
  if (!host) return false;
  refuseOtherApp(host, { ...order, takeOver: false });
  const others = host.domain_names.filter((name) => name.toLowerCase() !== order.domain);
  if (order.dryRun) return true;
  if (others.length > 0) await npm.updateHost(host.id, { domain_names: others });
  else await npm.removeHost(host.id);
  return true;
}

async function look(npm: NpmClient, domain: string): Promise<Found> {
  const [hosts, certificates] = await Promise.all([npm.hosts(), npm.certificates()]);
  const host = findHost(hosts, domain);
  const now = Date.now();
  const own = certificates.filter(({ id }) => id === host?.certificate_id);
  const good = findCertificate(own, domain, now) ?? findCertificate(certificates, domain, now);
  const used = new Set(hosts.map(({ certificate_id }) => certificate_id));
  const leftovers = findLeftovers(certificates, domain, now).filter(({ id }) => !used.has(id));
  return { host, certificateId: good?.id ?? 0, leftovers };
}

function refuseOtherApp(host: ProxyHost, { domain, forwardHost, takeOver }: Order): void {
  if (host.forward_host === forwardHost || takeOver) return;
  throw new DescribedError(
    `${domain} leads to ${host.forward_host}:${host.forward_port} in NPM, not to ${forwardHost}:80`,
    'if that shall end, add --take-over, or change it on NPM’s page',
  );
}

/** The steps in words; none where all is as it shall be. */
function describe({ host, certificateId, leftovers }: Found, order: Order): string[] {
  const steps: string[] = [];
  if (!host) steps.push(`+ proxy host ${order.domain} → http://${order.forwardHost}:80`);
  if (certificateId === 0 && order.order) {
    for (const { id } of leftovers) steps.push(`- certificate ${id}, left over from an order that failed`);
    steps.push(`+ certificate of Let's Encrypt for ${(host?.domain_names ?? [order.domain]).join(', ')}`);
  }
  // Its number is known when it is there.
  const willHave = certificateId || (order.order ? -1 : 0);
  const base = host ?? { ...EMPTY, ...createBody(order) };
  const changes = [
    ...findChanges(base, order, willHave),
    ...(order.limit ? findLimitChanges(base, order.zone) : []),
  ];
  steps.push(...changes.map((change) => `~ ${describeChange(change)}`.replace('→ -1', '→ the new one')));
  if (host?.meta.nginx_online === false && changes.length === 0)
    steps.push('~ nginx: had refused it, tries again');
  return steps;
}

/** A host as NPM makes it from the body of a creation. */
const EMPTY: ProxyHost = {
  ...{ id: 0, domain_names: [], forward_scheme: '', forward_host: '', forward_port: 0, certificate_id: 0 },
  ...{ allow_websocket_upgrade: false, block_exploits: false, caching_enabled: false, enabled: true },
  ...{ ssl_forced: false, http2_support: false, hsts_enabled: false, hsts_subdomains: false },
  ...{ advanced_config: '', meta: {} },
};

async function create(npm: NpmClient, order: Order): Promise<ProxyHost> {
  const { id } = await npm.createHost(createBody(order));
  const host = await assertOnline(npm, id, order);
  sayOk(`The proxy host is made (number ${id})`);
  return host;
}

async function orderCertificate(
  { npm, version, identity }: SignedIn,
  host: ProxyHost,
  { leftovers }: Found,
  order: Order,
): Promise<number> {
  if (!order.order) {
    sayWarning(`${order.domain} is served over plain HTTP: there is no certificate, and none was ordered`);
    return 0;
  }
  await assertResolves(host.domain_names);
  refuseWhileUnderWay(leftovers, order.domain);
  for (const { id } of leftovers) await npm.removeCertificate(id);
  const startedAt = Date.now();
  say('  Waiting for Let’s Encrypt: seconds as a rule, at the most 15 minutes');
  try {
    const { id } = await npm.orderCertificate(certificateBody(host.domain_names, version, identity));
    sayOk(`The certificate is there (number ${id}, ${formatDuration(Date.now() - startedAt)})`);
    return id;
  } catch (error) {
    await removeLeftovers(npm, order.domain);
    throw error;
  }
}

/** Whoever interrupts this command does not interrupt NPM. */
function refuseWhileUnderWay(leftovers: readonly Certificate[], domain: string): void {
  const row = leftovers.find((one) => isUnderWay(one, Date.now()));
  if (!row) return;
  throw new DescribedError(
    `NPM may still be waiting for Let's Encrypt: an order for ${domain} began at ${row.created_on}`,
    'run the same command again 15 minutes after that; sooner: remove that certificate on NPM’s page',
  );
}

/** The row of a failed order is in the way of nothing but would pile up; that it cannot be removed hides no other error. */
async function removeLeftovers(npm: NpmClient, domain: string): Promise<void> {
  const rows = await npm.certificates().catch(() => []);
  for (const { id } of findLeftovers(rows, domain, Date.now())) {
    await npm.removeCertificate(id).catch(() => undefined);
  }
}

/** Let's Encrypt asks the same question first, and counts the failures. */
async function assertResolves(domains: readonly string[]): Promise<void> {
  for (const domain of domains) {
    await lookup(domain).catch((error: NodeJS.ErrnoException) => {
      throw new DescribedError(
        `${domain} has no address yet (${error.code}): Let's Encrypt would refuse, so nothing was ordered`,
        'make its A record, then run the same command again; without TLS for now: --no-certificate',
      );
    });
  }
}

async function update(npm: NpmClient, id: number, changes: readonly Change[], order: Order): Promise<void> {
  const current = await npm.host(id);
  if (changes.length === 0 && current.meta.nginx_online !== false) return;
  // An update without a change makes NPM write its configuration anew.
  await npm.updateHost(id, changes.length > 0 ? toBody(changes) : { enabled: true });
  await assertOnline(npm, id, order);
  sayOk(`The options are set: ${changes.map(({ field }) => field).join(', ') || 'as they were'}`);
}

/** Last, because it alone depends on a file that the API does not reach. What was before comes back when nginx refuses. */
async function limit(npm: NpmClient, id: number, order: Order): Promise<void> {
  if (!order.limit) return;
  const before = await npm.host(id);
  const changes = findLimitChanges(before, order.zone);
  if (changes.length === 0) return;
  await npm.updateHost(id, toBody(changes));
  const after = await npm.host(id);
  if (!isMissingZone(after.meta.nginx_err)) {
    await assertOnline(npm, id, order);
    return sayOk(order.zone ? 'The rate limit is set' : 'The rate limit is taken away');
  }
  await npm.updateHost(id, { advanced_config: before.advanced_config ?? '' });
  await assertOnline(npm, id, order);
  throw missingZone(order.container, order.zone ?? '');
}

/** All else is done; the limit needs a line in a file on NPM's volume. */
export function missingZone(container: string, zone: string): DescribedError {
  return new DescribedError(
    'The rate limit is not set: NPM’s nginx does not know its zone, which the API cannot give it',
    `${addZoneCommand(container || PLACEHOLDER, zone)}, then run the same command again; without a limit: --no-rate-limit`,
  );
}

/** NPM answers 201 and 200 whatever its nginx says: only the host read again tells. */
async function assertOnline(npm: NpmClient, id: number, { container }: Order): Promise<ProxyHost> {
  const host = await npm.host(id);
  if (host.meta.nginx_online === true || !host.enabled) return host;
  const reason = explainOffline(host.meta.nginx_err);
  throw new DescribedError(
    `NPM has the proxy host, but its nginx does not take it${reason ? `: ${reason}` : ''}`,
    `fix it on NPM's page (number ${id}), or see docker logs ${container || PLACEHOLDER}; then run the same command again`,
  );
}
