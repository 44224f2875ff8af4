import { lookup } from 'node:dns/promises';
import { DescribedError } from '../../process/errors.ts';
import { formatDuration, say, sayOk } from '../../terminal/report.ts';
import {
  type Certificate,
  certificateBodies,
  findLeftovers,
  isOtherForm,
  isUnderWay,
  parseTime,
} from './certificate-rules.ts';
import type { NpmClient } from './client.ts';
import { readOrderLog } from './container.ts';
import { explainCertificate, findDetails } from './failures.ts';
import type { ProxyHost } from './host-rules.ts';
import type { SignedIn } from './sign-in.ts';
import { changeHost } from './write.ts';

/** What is ordered, and beside what. */
export interface CertificateOrder {
  domain: string;
  /** All that the certificate is for. */
  names: readonly string[];
  /** The host that has the names; it was written just now where there are leftovers, so that its time is NPM's. */
  host: ProxyHost | undefined;
  /** Rows of orders that failed, or are under way. */
  leftovers: readonly Certificate[];
  /** NPM's container, where Docker shows it; else empty. */
  container: string;
}

/**
 * Orders a certificate of Let's Encrypt.
 * @returns its number
 * @throws DescribedError with the authority's own reason where NPM's container shows it; the host is served as before
 */
export async function orderCertificate(
  { npm, version, identity }: SignedIn,
  order: CertificateOrder,
): Promise<number> {
  const { names, host, leftovers, domain } = order;
  await assertResolve(names);
  // NPM writes the hosts of these names anew, without asking its nginx first: one that nginx refuses would stop NPM for all apps.
  const served = host?.enabled ? await changeHost(npm, host, {}) : host;
  if (leftovers.length > 0) await clearLeftovers(npm, served, order);
  const startedAt = Date.now();
  say('  Waiting for Let’s Encrypt: seconds as a rule, at the most 15 minutes');
  try {
    const [form, other] = certificateBodies(names, version, identity);
    const { id } = await npm.orderCertificate(form).catch((error: Error) => {
      if (!isOtherForm(error.message)) throw error;
      return npm.orderCertificate(other);
    });
    sayOk(`The certificate is there (number ${id}, ${formatDuration(Date.now() - startedAt)})`);
    return id;
  } catch (error) {
    await removeRows(npm, names, leftovers);
    const told = await explain(error, order, domain);
    if (!served?.enabled) throw told;
    // After an order, NPM has left the hosts of its names without TLS and without their access list.
    const again = await changeHost(npm, served, {}).catch((refusal: Error) => refusal);
    throw again instanceof Error ? new DescribedError(`${told.message}; ${again.message}`, told.hint) : told;
  }
}

/** NPM says no more than "Some challenges have failed."; certbot's log says why. */
async function explain(
  error: unknown,
  { container }: CertificateOrder,
  domain: string,
): Promise<DescribedError> {
  if (!(error instanceof DescribedError)) throw error;
  const details = container ? findDetails(await readOrderLog(container)) : '';
  const isAuthoritys = error.message.includes('gave no certificate');
  return details && isAuthoritys ? explainCertificate(details, domain) : error;
}

/** Whoever interrupts this command does not interrupt NPM. */
async function clearLeftovers(
  npm: NpmClient,
  host: ProxyHost | undefined,
  { leftovers, domain }: CertificateOrder,
): Promise<void> {
  const skew = parseTime(host?.modified_on ?? '') - Date.now();
  const row = leftovers.find((one) => isUnderWay(one, Date.now(), skew || 0));
  if (row) {
    throw new DescribedError(
      `NPM may still be waiting for Let's Encrypt: an order for ${domain} began at ${row.created_on} by NPM's clock`,
      'run the same command again 15 minutes after that; sooner: remove that certificate on NPM’s page',
    );
  }
  for (const { id } of leftovers) await npm.removeCertificate(id);
}

/** The row of a failed order is in the way of nothing but would pile up; that it cannot be removed hides no other error. */
async function removeRows(
  npm: NpmClient,
  names: readonly string[],
  older: readonly Certificate[],
): Promise<void> {
  const rows = findLeftovers(await npm.certificates().catch(() => []), names);
  const own = rows.filter(({ id }) => !older.some((one) => one.id === id));
  for (const { id } of own) await npm.removeCertificate(id).catch(() => undefined);
}

/** Let's Encrypt asks the same question first, and counts the failures. */
async function assertResolve(names: readonly string[]): Promise<void> {
  for (const name of names) {
    await lookup(name.replace(/^\*\./, '')).catch((error: NodeJS.ErrnoException) => {
      throw new DescribedError(
        `${name} has no address yet (${error.code}): Let's Encrypt would refuse, so nothing was ordered`,
        'make its A record, then run the same command again; without TLS for now: --no-certificate',
      );
    });
  }
}
