import { readFile } from 'node:fs/promises';
import { DescribedError, Exit } from './lib/process/errors.ts';
import { readDomain } from './lib/proxy/npm/domain.ts';
import { type Context, FAMILY_TITLES, runChecks } from './lib/proxy/verify/check.ts';
import { CHECKS, LAST } from './lib/proxy/verify/index.ts';
import { type Place, Site } from './lib/proxy/verify/site.ts';
import { loadSettings } from './lib/stack/project.ts';
import { main } from './lib/terminal/cli.ts';
import { say } from './lib/terminal/report.ts';
import { sayResults } from './lib/verify/report.ts';

const USAGE = `
Asks the site through the proxy, as its visitors do, and says what holds; exit 1 when something does not.

  make npm-verify                  DOMAIN of the env file, or DOMAIN=...; QUICK=1 leaves the long WebSocket out
  npx tsx scripts/npm-verify.ts [--quick] [--only ID,ID] [--connect HOST[:PORT]] [--ca FILE] [--wait SECONDS] [--json] [DOMAIN]

  --quick      do not hold a WebSocket open for longer than NPM's read timeout of 90 s
  --only       these checks alone
  --connect    ask there instead of where DNS leads, to try a proxy before the domain points to it; plain HTTP on port 80
  --ca         PEM file of a CA to believe besides the usual ones
  --wait       how long the WebSocket has to stay open; 100 unless said
  --json       print the results as JSON`;

async function readPlace(domain: string, connect = '', ca = ''): Promise<Place> {
  const text = `https://${connect || domain}`;
  if (!URL.canParse(text)) throw new DescribedError(`${connect} is no HOST:PORT`, 'see --help', Exit.usage);
  const { hostname, port } = new URL(text);
  const pem = ca && (await readFile(ca, 'utf8').catch(() => undefined));
  if (pem === undefined) throw new DescribedError(`${ca} cannot be read`, `ls -l ${ca}`, Exit.usage);
  const place = { domain, host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || 443), plainPort: 80 };
  return pem ? { ...place, ca: pem } : place;
}

/** The checks that --only names; all without it. */
function pick(only: string | undefined) {
  const all = [...CHECKS, ...LAST].map(({ id }) => id);
  const ids = only?.split(',').map((id) => id.trim()) ?? all;
  const unknown = ids.find((id) => !all.includes(id));
  if (unknown)
    throw new DescribedError(`There is no check ${unknown}`, `one of: ${all.join(', ')}`, Exit.usage);
  const [checks, last] = [CHECKS, LAST].map((some) => some.filter(({ id }) => ids.includes(id)));
  return { checks: checks ?? [], last: last ?? [] };
}

main(import.meta.url, {
  usage: USAGE,
  options: {
    quick: { type: 'boolean' },
    only: { type: 'string' },
    connect: { type: 'string' },
    ca: { type: 'string' },
    wait: { type: 'string', default: '100' },
    json: { type: 'boolean' },
  },
  maxPositionals: 1,
  words: { DOMAIN: '' },
  async run(flags, [word]) {
    const settings = loadSettings();
    const domain = readDomain(word ?? settings.domain, 'npm-verify');
    const startedAt = Date.now();
    const { checks, last } = pick(flags.only);
    const site = new Site(await readPlace(domain, flags.connect, flags.ca));
    const webSocketSeconds = flags.quick ? 0 : Number(flags.wait);
    const context: Context = { site, settings, byDns: !flags.connect, webSocketSeconds };
    const results = await runChecks(checks, last, context);
    site.close();
    if (flags.json) say(JSON.stringify({ domain, results }, undefined, 2));
    else sayResults(results, Date.now() - startedAt, FAMILY_TITLES);
    const failed = results.filter(({ status }) => status === 'fail').map(({ id }) => id);
    if (failed.length > 0) {
      throw new DescribedError(
        failed[0] === 'reach'
          ? `${results[0]?.found}; nothing else was asked`
          : `${domain}: ${failed.length} of ${results.length} checks failed (${failed.join(', ')})`,
        `fix what they say, then: make npm-verify DOMAIN=${domain}`,
      );
    }
  },
});
