import { readFile } from 'node:fs/promises';
import { main } from './lib/cli.ts';
import { DescribedError, Exit } from './lib/errors.ts';
import type { Result } from './lib/model/npm-verify.ts';
import { readDomain } from './lib/npm/domain.ts';
import { type Context, runChecks } from './lib/npm-verify/check.ts';
import { CHECKS, LAST } from './lib/npm-verify/index.ts';
import { type Place, Site } from './lib/npm-verify/site.ts';
import { loadSettings } from './lib/project.ts';
import { formatDuration, paint, say, sayOk } from './lib/report.ts';

const USAGE = `
Asks the site through the proxy, as its visitors do, and says what holds; exit 1 when something does not.

  make npm-verify DOMAIN=kidney-genetics.example.com          QUICK=1 leaves the long WebSocket out
  npx tsx scripts/npm-verify.ts [--quick] [--only ID,ID] [--connect HOST[:PORT]] [--ca FILE] [--wait SECONDS] [--json] DOMAIN

  --quick      do not hold a WebSocket open for longer than NPM's read timeout of 90 s
  --only       these checks alone
  --connect    ask there instead of where DNS leads, to try a proxy before the domain points to it; plain HTTP on port 80
  --ca         PEM file of a CA to believe besides the usual ones
  --wait       how long the WebSocket has to stay open; 100 unless said
  --json       print the results as JSON`;

const MARKS = { ok: ['green', '✔'], warn: ['yellow', '!'], fail: ['red', '✘'], skip: ['gray', '–'] } as const;

async function readPlace(domain: string, connect = '', ca = ''): Promise<Place> {
  const text = `https://${connect || domain}`;
  if (!URL.canParse(text)) throw new DescribedError(`${connect} is no HOST:PORT`, 'see --help', Exit.usage);
  const { hostname, port } = new URL(text);
  const pem = ca && (await readFile(ca, 'utf8').catch(() => undefined));
  if (pem === undefined) throw new DescribedError(`${ca} cannot be read`, `ls -l ${ca}`, Exit.usage);
  const place = { domain, host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || 443), plainPort: 80 };
  return pem ? { ...place, ca: pem } : place;
}

function showResult({ id, title, status, found, source, mend }: Result): void {
  const [colour, mark] = MARKS[status];
  say(`${paint(colour, mark)} ${title}: ${found}  ${paint('dim', `(${id}; ${source})`)}`);
  if (status === 'fail' || status === 'warn') say(`  ${paint('bold', '→')} ${mend}`);
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

await main(import.meta.url, {
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
  async run(flags, [word]) {
    const domain = readDomain(word, 'npm-verify');
    const startedAt = Date.now();
    const { checks, last } = pick(flags.only);
    const site = new Site(await readPlace(domain, flags.connect, flags.ca));
    const webSocketSeconds = flags.quick ? 0 : Number(flags.wait);
    const context: Context = { site, settings: loadSettings(), byDns: !flags.connect, webSocketSeconds };
    const results = await runChecks(checks, last, context);
    site.close();
    const count = (status: Result['status']) => results.filter((one) => one.status === status).length;
    if (flags.json) say(JSON.stringify({ domain, results }, undefined, 2));
    else results.forEach(showResult);
    const words = `${count('ok')} of ${results.length} hold, ${count('warn')} to look at, ${count('skip')} left out`;
    if (count('fail') > 0) {
      const failed = results.filter(({ status }) => status === 'fail').map(({ id }) => id);
      throw new DescribedError(
        `${domain}: ${count('fail')} failed (${failed.join(', ')}); ${words}`,
        `mend what they say; again: make npm-verify DOMAIN=${domain}`,
      );
    }
    if (!flags.json) sayOk(`${domain}: ${words} (${formatDuration(Date.now() - startedAt)})`);
  },
});
