import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { app } from '../../app/contract.ts';
import { ROOT } from '../../process/root.ts';
import { type Finding, fail, ok } from '../../verify/check.ts';
import type { Context, ProxyCheck } from './check.ts';
import { type Answer, isPage, judgeHeaders, judgeHsts, parseFixedHeaders, valuesOf } from './rules.ts';
import type { Site } from './site.ts';

const CACHING_OFF = 'make npm-proxy-host DOMAIN=... (it turns NPM’s "Cache Assets" off)';
const HEADERS_CONF = 'deploy/nginx/server/headers.conf';
const LIST = `/api/v1${app.list}`;

/** A page, a script, an answer of the API, two kinds of error. */
async function sample(site: Site): Promise<Answer[]> {
  const paths = ['/', await site.findAsset(), '/api/health', '/assets/missing.js', '/api/missing'];
  return Promise.all(paths.map((path) => site.get(path)));
}

async function checkHeaders({ site }: Context): Promise<Finding> {
  const wanted = parseFixedHeaders(await readFile(join(ROOT, HEADERS_CONF), 'utf8'));
  return judgeHeaders(await sample(site), wanted);
}

async function checkBanner({ site }: Context): Promise<Finding> {
  const told = (await sample(site)).flatMap((answer) => [
    ...valuesOf(answer, 'server').filter((value) => /\d/.test(value)),
    ...valuesOf(answer, 'x-powered-by'),
  ]);
  return told.length > 0 ? fail([...new Set(told)].join(', ')) : ok('no version, no X-Powered-By');
}

async function checkPage({ site }: Context): Promise<Finding> {
  const page = await site.get('/');
  const [caching = 'no Cache-Control'] = valuesOf(page, 'cache-control');
  if (!isPage(page)) return fail(`${page.status}, and not the page`);
  if (caching !== 'no-cache')
    return fail(`Cache-Control: ${caching}, not no-cache: an update would not be seen`);
  const [etag] = valuesOf(page, 'etag');
  if (!etag) return fail('no ETag: each visit loads it anew');
  const again = await site.ask('/', { headers: { 'If-None-Match': etag } });
  return again.status === 304
    ? ok('200, asked for again 304')
    : fail(`asked for again ${again.status}, not 304`);
}

async function checkAssetCaching({ site }: Context): Promise<Finding> {
  const asset = await site.get(await site.findAsset());
  const caching = valuesOf(asset, 'cache-control').join(' and ') || 'no Cache-Control';
  const right =
    asset.status === 200 && /max-age=31536000\b.*immutable/.test(caching) && !caching.includes(' and ');
  return right ? ok(caching) : fail(`${asset.status}, ${caching}, not a year and immutable`);
}

async function checkCompression({ site }: Context): Promise<Finding> {
  const path = await site.findAsset();
  const headers = { 'Accept-Encoding': 'gzip' };
  const [plain, packed, api] = await Promise.all([
    site.ask(path),
    site.ask(path, { headers }),
    site.ask(LIST, { headers }),
  ]);
  const odd = [plain, packed, api].find(({ status }) => status !== 200);
  if (odd) return fail(`${odd.what} answers ${odd.status}`);
  const encoding = (answer: Answer) => valuesOf(answer, 'content-encoding').join() || 'plain';
  if (encoding(plain) !== 'plain') return fail(`${encoding(plain)} for who did not ask for it`);
  if (encoding(packed) !== 'gzip') return fail(`${path} comes ${encoding(packed)}`);
  if (!valuesOf(packed, 'vary').join().toLowerCase().includes('accept-encoding'))
    return fail('no Vary: Accept-Encoding');
  if (!gunzipSync(packed.body).equals(plain.body)) return fail('the compressed script is another one');
  if (encoding(api) !== 'gzip') return fail(`the API's answer comes ${encoding(api)}`);
  return ok(`gzip: a script of ${plain.body.length} bytes in ${packed.body.length}, the API too`);
}

async function checkApi({ site }: Context): Promise<Finding> {
  const health = await site.get('/api/health');
  const body = health.body.toString();
  return health.status === 200 && /"status":"ok"/.test(body)
    ? ok('healthy, the database too')
    : fail(`${health.status} ${body.slice(0, 120)}`);
}

async function checkAllowedHost({ site }: Context): Promise<Finding> {
  const { status, body } = await site.get(LIST);
  if (status === 200) return ok(`${LIST} answers`);
  return fail(`${status} ${/"detail":"([^"]*)"/.exec(body.toString())?.[1] ?? ''}`.trim());
}

/** What the visitor gets is what our nginx sent. */
export const CONTENT: readonly ProxyCheck[] = [
  {
    id: 'hsts',
    family: 'content',
    title: 'HSTS comes once',
    source: 'RFC 6797, section 7.1',
    fix: 'make npm-proxy-host DOMAIN=... (NPM’s own HSTS off: our nginx sends it)',
    run: async ({ site }) => judgeHsts(await sample(site)),
  },
  {
    id: 'headers',
    family: 'content',
    title: 'Each security header arrives as our nginx sent it',
    source: 'OWASP Secure Headers Project',
    fix: 'remove add_header and proxy_hide_header from the host’s advanced configuration in NPM',
    run: checkHeaders,
  },
  {
    id: 'banner',
    family: 'content',
    title: 'Nobody tells a version',
    source: 'OWASP Secure Headers: server banners',
    fix: 'server_tokens off; in what adds it (NPM has it off)',
    run: checkBanner,
  },
  {
    id: 'page',
    family: 'content',
    title: 'The page comes, and is asked for anew each time',
    source: 'RFC 9111, section 5.2.2.4',
    fix: `make prod-health; ${CACHING_OFF}`,
    run: checkPage,
  },
  {
    id: 'asset-caching',
    family: 'content',
    title: 'Hashed files are kept for a year',
    source: 'RFC 8246',
    fix: CACHING_OFF,
    run: checkAssetCaching,
  },
  {
    id: 'compression',
    family: 'content',
    title: 'Compression is intact',
    source: 'RFC 9110, section 12.5.3',
    fix: CACHING_OFF,
    run: checkCompression,
  },
  {
    id: 'api',
    family: 'content',
    title: 'The API is healthy',
    source: 'this project’s own promise',
    fix: 'make prod-health',
    run: checkApi,
  },
  {
    id: 'allowed-host',
    family: 'content',
    title: 'The API knows the domain',
    source: 'OWASP Web Security Testing Guide: host header injection',
    fix: 'put the domain into ALLOWED_HOSTS of .env.production, then: make prod-up',
    run: checkAllowedHost,
  },
];
