import { lockStack } from './lib/process/lock.ts';
import { zoneName } from './lib/proxy/npm/advanced-rules.ts';
import { applyHost, type Order, removeHost } from './lib/proxy/npm/apply.ts';
import { findNpmContainer } from './lib/proxy/npm/container.ts';
import { readDomain } from './lib/proxy/npm/domain.ts';
import { type SignedIn, signIn } from './lib/proxy/npm/sign-in.ts';
import { warnOfStack } from './lib/proxy/npm/warnings.ts';
import { findZone, sayZoneMissing } from './lib/proxy/npm/zone.ts';
import { openStack } from './lib/stack/open.ts';
import { containerName } from './lib/stack/stack.ts';
import { main } from './lib/terminal/cli.ts';
import { say, sayOk } from './lib/terminal/report.ts';

const USAGE = `
Makes Nginx Proxy Manager's proxy host for a domain, with its certificate, or brings it up to date; what is right stays.

  make npm-proxy-host                  for DOMAIN of the env file, or DOMAIN=...; DRY_RUN=1 shows the difference only
  make npm-proxy-host-remove
  npx tsx scripts/npm-proxy-host.ts [--remove] [--dry-run] [--no-certificate] [--no-rate-limit] [--take-over] [DOMAIN]

  --no-certificate   order none; one that NPM has already is used
  --no-rate-limit    no limit of requests for each address
  --take-over        also when the domain leads to another app now

NPM_URL is where NPM's own page is (http://127.0.0.1:81). Who signs in is asked on the terminal, or read from NPM_IDENTITY
and NPM_SECRET or NPM_SECRET_FILE, with NPM_TOTP for the two-factor code.`;

async function apply(signedIn: SignedIn, order: Order): Promise<void> {
  const { changes, zoneMissing } = await applyHost(signedIn, order);
  if (order.dryRun)
    sayOk(changes === 0 ? 'Nothing would be changed' : 'That would be asked of NPM; nothing was changed');
  else if (changes === 0) sayOk(`${order.domain} is set up already; nothing was changed`);
  else
    sayOk(`${order.domain} leads to ${order.forwardHost}; prove it: make npm-verify DOMAIN=${order.domain}`);
  if (zoneMissing && order.zone) await sayZoneMissing(order.container, order.zone);
}

async function remove(signedIn: SignedIn, order: Order): Promise<void> {
  const was = await removeHost(signedIn.npm, order);
  if (!was) sayOk(`NPM has no proxy host for ${order.domain}; nothing was changed`);
  else if (order.dryRun) sayOk(`The proxy host for ${order.domain} would be removed; nothing was changed`);
  else sayOk(`NPM no longer serves ${order.domain}; its certificate stays, for the next time`);
}

main(import.meta.url, {
  usage: USAGE,
  options: {
    remove: { type: 'boolean' },
    'dry-run': { type: 'boolean' },
    'no-certificate': { type: 'boolean' },
    'no-rate-limit': { type: 'boolean' },
    'take-over': { type: 'boolean' },
  },
  maxPositionals: 1,
  words: { DOMAIN: '' },
  async run(flags, [word]) {
    const target = flags.remove ? 'npm-proxy-host-remove' : 'npm-proxy-host';
    const settings = await openStack();
    const domain = readDomain(word ?? settings.domain, target);
    if (!flags['dry-run']) lockStack(`${settings.prefix}-proxy-host`, `make ${target}`);
    const signedIn = await signIn(domain);
    const { major, minor, revision } = signedIn.version;
    say(`  Nginx Proxy Manager ${major}.${minor}.${revision} at ${signedIn.npm.url}`);
    const container = (await findNpmContainer(settings.network))?.name ?? '';
    const zone = flags['no-rate-limit'] || flags.remove ? null : zoneName(settings.prefix);
    const dryRun = flags['dry-run'] === true;
    const order: Order = {
      domain,
      forwardHost: containerName(settings, 'kidney-genetics-frontend-service'),
      zone,
      hasZone: await findZone(container, zone, dryRun),
      order: !flags['no-certificate'],
      takeOver: flags['take-over'] === true,
      container,
      dryRun,
    };
    if (flags.remove) return remove(signedIn, order);
    await warnOfStack(settings, domain, order.container);
    await apply(signedIn, order);
  },
});
