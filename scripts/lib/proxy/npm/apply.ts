import { DescribedError } from '../../process/errors.ts';
import { say, sayOk, sayWarning } from '../../terminal/report.ts';
import { withRateLimit } from './advanced-rules.ts';
import { type Certificate, coversAll, findCertificate, findLeftovers } from './certificate-rules.ts';
import type { NpmClient } from './client.ts';
import { readHostConfig } from './container.ts';
import {
  type Change,
  createBody,
  describeChange,
  findChanges,
  findHost,
  findTextChange,
  isStale,
  isTaken,
  newHost,
  type ProxyHost,
  toBody,
  type Wanted,
} from './host-rules.ts';
import { orderCertificate } from './order.ts';
import type { SignedIn } from './sign-in.ts';
import { changeHost, createHost, NotTaken } from './write.ts';

/** Stands for a certificate that is not there yet. */
const COMING = -1;

/** What is to be done, and how far. */
export interface Order extends Wanted {
  /** Whether a certificate may be ordered. */
  order: boolean;
  /** Whether a host that leads to another app may be taken over. */
  takeOver: boolean;
  /** The zone that limits requests; null for no limit. */
  zone: string | null;
  /** Whether NPM's nginx has the zone; undefined where that cannot be seen. */
  hasZone: boolean | undefined;
  /** NPM's container, where Docker shows it; else empty. */
  container: string;
  dryRun: boolean;
}

/** What NPM has. */
interface Found {
  host: ProxyHost | undefined;
  /** All that the host answers to. */
  names: readonly string[];
  certificateId: number;
  leftovers: readonly Certificate[];
  /** Whether NPM's nginx has something else than the host's row, or may have. */
  doubtful: boolean;
}

/** How a run ended. */
export interface Outcome {
  /** How many changes there were, or would be. */
  changes: number;
  /** Whether the rate limit waits for its zone. */
  zoneMissing: boolean;
}

/**
 * Makes NPM's proxy host for the domain what it shall be: the certificate first, then all the rest in one change where that can be.
 * What cannot be done leaves NPM as it was.
 */
export async function applyHost(signedIn: SignedIn, order: Order): Promise<Outcome> {
  const { npm } = signedIn;
  const found = await look(npm, order);
  if (found.host) warnOfHost(found.host, order.domain);
  const steps = describe(found, order);
  for (const step of steps) say(`  ${step}`);
  const zoneMissing = order.zone !== null && order.hasZone === false;
  if (order.dryRun || steps.length === 0) return { changes: steps.length, zoneMissing };

  const ready = await fixHost(npm, found, order);
  const needsOrder = found.certificateId === 0 && order.order;
  const { id, host: before } = needsOrder
    ? await orderFor(signedIn, ready, order)
    : { id: found.certificateId, host: ready.host };
  if (id === 0)
    sayWarning(`${order.domain} is served over plain HTTP: there is no certificate, and none was ordered`);
  const host = await writeHost(npm, before, id, order);
  // Where the zone is not seen, the limit is tried by itself: nginx may refuse it, and that shall cost nothing else.
  const missing = order.hasZone === undefined && !(await tryLimit(npm, host, order));
  return { changes: steps.length, zoneMissing: zoneMissing || missing };
}

/** Takes the domain's proxy host away; its certificate stays. @returns whether there was one */
export async function removeHost(npm: NpmClient, order: Order): Promise<boolean> {
  const host = findHost(await npm.hosts(), order.domain);
  if (!host) return false;
  refuseOtherApp(host, { ...order, takeOver: false });
  if (order.dryRun) return true;
  const others = host.domain_names.filter((name) => name.toLowerCase() !== order.domain);
  if (others.length > 0) await changeHost(npm, host, { domain_names: others });
  else {
    // While NPM's nginx refuses anything on its disk, a removal would take the row and go on serving the site.
    if (host.enabled && isTaken(host)) await changeHost(npm, host, {});
    await npm.removeHost(host.id);
  }
  return true;
}

async function look(npm: NpmClient, order: Order): Promise<Found> {
  const { domain, container } = order;
  const [hosts, certificates, taken] = await Promise.all([npm.hosts(), npm.certificates(), npm.otherNames()]);
  const host = findHost(hosts, domain);
  if (host) refuseOtherApp(host, order);
  else if (taken.some((name) => name.toLowerCase() === domain)) {
    throw new DescribedError(
      `${domain} is taken in NPM by a host of another kind`,
      'remove it there under Hosts (redirection or 404 hosts), then run the same command again',
    );
  }
  const names = host?.domain_names.map((name) => name.toLowerCase()) ?? [domain];
  const own = host?.certificate_id ?? 0;
  const now = Date.now();
  const good =
    findCertificate(certificates, names, own, now) ??
    (order.order ? undefined : findCertificate(certificates, [domain], own, now));
  if (good && !coversAll(good, names)) warnOfNames(good, names);
  const used = new Set(hosts.map(({ certificate_id }) => certificate_id));
  const leftovers = findLeftovers(certificates, names).filter(({ id }) => !used.has(id));
  const config = host && container ? await readHostConfig(container, host.id) : '';
  const doubtful =
    host !== undefined && (!isTaken(host) || (config !== '' && isStale(config, host, certificates)));
  return { host, names, certificateId: good?.id ?? 0, leftovers, doubtful };
}

function refuseOtherApp(host: ProxyHost, { domain, forwardHost, takeOver }: Order): void {
  if (host.forward_host === forwardHost || takeOver) return;
  throw new DescribedError(
    `${domain} leads to ${host.forward_host}:${host.forward_port} in NPM, not to ${forwardHost}:80`,
    'if that shall end, add --take-over, or change it on NPM’s page',
  );
}

function warnOfHost({ locations, access_list_id }: ProxyHost, domain: string): void {
  if (locations.length > 0) {
    sayWarning(
      `${domain} has custom locations in NPM, whose nginx then does not start while their host is away; better without`,
    );
  }
  if (access_list_id > 0) {
    sayWarning(`${domain} has an access list in NPM, which stays: npm-verify cannot look behind it`);
  }
}

function warnOfNames(certificate: Certificate, names: readonly string[]): void {
  const bare = names.filter((name) => !coversAll(certificate, [name]));
  sayWarning(
    `Certificate ${certificate.id} is not for ${bare.join(', ')}: browsers refuse ${bare.length === 1 ? 'that name' : 'those names'}; without --no-certificate one for all is ordered`,
  );
}

/** The steps in words; none where all is as it shall be. */
function describe({ host, names, certificateId, leftovers, doubtful }: Found, order: Order): string[] {
  const steps: string[] = [];
  const needsOrder = certificateId === 0 && order.order;
  if (!host) steps.push(`+ proxy host ${order.domain} → http://${order.forwardHost}:80`);
  if (needsOrder) {
    for (const { id } of leftovers) steps.push(`- certificate ${id}, left over from an order that failed`);
    steps.push(`+ certificate of Let's Encrypt for ${names.join(', ')}`);
  }
  const changes = findAll(host ?? newHost(order), needsOrder ? COMING : certificateId, order);
  steps.push(
    ...changes.map((change) => `~ ${describeChange(change)}`.replace(`→ ${COMING}`, '→ the new one')),
  );
  if (doubtful && steps.length === 0) steps.push('~ nginx: may not have all of this yet, is told again');
  return steps;
}

/** All changes; the limit among them unless NPM's nginx is known to lack its zone. */
function findAll(host: ProxyHost, certificateId: number, order: Order): Change[] {
  return [
    ...findChanges(host, order, certificateId),
    ...(order.hasZone === false ? [] : findLimit(host, order.zone)),
  ];
}

function findLimit(host: ProxyHost, zone: string | null): Change[] {
  return findTextChange(host, withRateLimit(host.advanced_config, zone));
}

/** A host that nginx does not take is put right before anything is ordered for it. */
async function fixHost(npm: NpmClient, found: Found, order: Order): Promise<Found> {
  const { host, certificateId } = found;
  if (!host?.enabled || isTaken(host)) return found;
  const changes = findAll(host, certificateId, { ...order, hasZone: order.hasZone ?? order.zone === null });
  return { ...found, host: await changeHost(npm, host, toBody(changes)) };
}

/** @returns the certificate's number, and the host if there is one now */
async function orderFor(
  signedIn: SignedIn,
  found: Found,
  order: Order,
): Promise<{ id: number; host: ProxyHost | undefined }> {
  const { npm } = signedIn;
  const { names, leftovers } = found;
  const { domain, container } = order;
  // Whether an order is under way is told by NPM's clock, and that by a row that it has just written.
  const made =
    found.host || leftovers.length === 0 ? undefined : await createHost(npm, domain, createBody(order));
  const host = found.host ?? made;
  try {
    return { id: await orderCertificate(signedIn, { domain, names, host, leftovers, container }), host };
  } catch (error) {
    if (made) await npm.removeHost(made.id).catch(() => undefined);
    throw error;
  }
}

/** The one change that makes all true; also without a difference, where NPM's nginx may have an older one. */
async function writeHost(
  npm: NpmClient,
  before: ProxyHost | undefined,
  certificateId: number,
  order: Order,
): Promise<ProxyHost> {
  const changes = findAll(before ?? newHost(order), certificateId, {
    ...order,
    hasZone: order.hasZone ?? order.zone === null,
  });
  const fields = toBody(changes);
  const host = before
    ? await changeHost(npm, before, fields)
    : await createHost(npm, order.domain, { ...createBody(order), ...fields });
  const what = changes.map(({ field }) => field).join(', ') || 'as they were';
  sayOk(before ? `The options are set: ${what}` : `The proxy host is made (number ${host.id})`);
  return host;
}

/** @returns false where NPM's nginx lacks the zone; the host is then as it was */
async function tryLimit(npm: NpmClient, host: ProxyHost, { zone }: Order): Promise<boolean> {
  const changes = findLimit(host, zone);
  if (changes.length === 0) return true;
  try {
    await changeHost(npm, host, toBody(changes));
    sayOk('The rate limit is set');
    return true;
  } catch (error) {
    if (error instanceof NotTaken && error.missingZone && error.isUpAgain) return false;
    throw error;
  }
}
