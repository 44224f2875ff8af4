import { asked, type Check, type Finding, fail, none, ok } from '../check.ts';
import { type Answer, type Facts, type HttpFacts, PAGES, type RawOutcome } from '../facts.ts';

const NGINX = 'see deploy/nginx, then: make prod-update';
const HEADERS_SOURCE = 'OWASP HTTP Headers';
/** nginx cuts a slow client after 10 s; a busy host may take a little longer to say so. */
const SLOW_MS = 15_000;
const HEARTBEAT_MS = 18_000;

const askedHttp = (facts: Facts, judge: (http: HttpFacts) => Finding) =>
  asked(facts, 'frontend', facts.http, judge);

/** All values of a header. */
function valuesOf({ headers }: Answer, name: string): string[] {
  return headers.filter(([key]) => key.toLowerCase() === name).map(([, value]) => value);
}

const PAGE_TITLES: Readonly<Record<(typeof PAGES)[number], string>> = {
  page: 'the page',
  asset: 'an asset',
  missing: 'a 404',
  method: 'a 405',
  api: 'an API answer',
  apiError: 'an API error',
  health: '/health',
};

interface HeaderRule {
  id: string;
  name: string;
  wanted: string;
  isRight: (value: string) => boolean;
}

const HEADERS: readonly HeaderRule[] = [
  {
    id: 'csp',
    name: 'Content-Security-Policy',
    wanted: "default-src, object-src 'none', frame-ancestors, base-uri",
    isRight: (value) =>
      ['default-src', "object-src 'none'", 'frame-ancestors', 'base-uri'].every((part) =>
        value.includes(part),
      ),
  },
  {
    id: 'frame',
    name: 'X-Frame-Options',
    wanted: 'SAMEORIGIN or DENY',
    isRight: (value) => /^(SAMEORIGIN|DENY)$/.test(value),
  },
  {
    id: 'nosniff',
    name: 'X-Content-Type-Options',
    wanted: 'nosniff',
    isRight: (value) => value === 'nosniff',
  },
  { id: 'xss', name: 'X-XSS-Protection', wanted: '0', isRight: (value) => value === '0' },
  {
    id: 'referrer',
    name: 'Referrer-Policy',
    wanted: 'no more than the origin for other sites',
    isRight: (value) =>
      /^(no-referrer|same-origin|strict-origin|strict-origin-when-cross-origin)$/.test(value),
  },
  {
    id: 'permissions',
    name: 'Permissions-Policy',
    wanted: 'camera, microphone and geolocation off',
    isRight: (value) =>
      ['camera=()', 'microphone=()', 'geolocation=()'].every((part) => value.includes(part)),
  },
  {
    id: 'opener',
    name: 'Cross-Origin-Opener-Policy',
    wanted: 'same-origin',
    isRight: (value) => value === 'same-origin',
  },
  {
    id: 'resource',
    name: 'Cross-Origin-Resource-Policy',
    wanted: 'same-origin',
    isRight: (value) => /^same-(origin|site)$/.test(value),
  },
];

const headers = HEADERS.map(
  ({ id, name, wanted, isRight }): Check => ({
    id: `header-${id}`,
    family: 'http',
    title: `${name} is on every kind of answer, once`,
    source: HEADERS_SOURCE,
    fix: `deploy/nginx/server/headers.conf; no add_header inside a location. ${NGINX}`,
    judge: (facts) =>
      askedHttp(facts, ({ answers }) => {
        const wrong = PAGES.flatMap((page) => {
          const values = valuesOf(answers[page], name.toLowerCase());
          if (values.length === 1 && isRight(values[0] ?? '')) return [];
          return [`${PAGE_TITLES[page]} has ${values.length === 0 ? 'none' : values.join(' and ')}`];
        });
        return none(wrong, `${wanted}: on ${Object.values(PAGE_TITLES).join(', ')}`);
      }),
  }),
);

const policies: Check[] = [
  {
    id: 'csp-inline',
    family: 'http',
    title: 'The content policy allows no inline script, no eval and no foreign script',
    source: 'OWASP Content Security Policy',
    fix: `deploy/nginx/server/headers.conf. ${NGINX}`,
    judge: (facts) =>
      askedHttp(facts, ({ answers }) => {
        const policy = valuesOf(answers.page, 'content-security-policy').join('; ');
        const scripts = /script-src ([^;]*)/.exec(policy)?.[1] ?? /default-src ([^;]*)/.exec(policy)?.[1];
        // Without any policy the check of the header itself fails.
        if (scripts === undefined) return ok('no policy to look at');
        const open = scripts
          .split(' ')
          .filter(
            (word) => word && !/^'(self|none|report-sample|(nonce|sha256|sha384|sha512)-[^']+)'$/.test(word),
          );
        return none(open, `script-src ${scripts}`);
      }),
  },
  {
    id: 'hsts',
    family: 'http',
    title: 'HSTS is sent once where the browser came over TLS, and for a year or longer',
    source: 'RFC 6797, 7.2; OWASP HTTP Strict Transport Security',
    fix: `deploy/nginx/http/transport-security.conf. ${NGINX}`,
    judge: (facts) =>
      askedHttp(facts, ({ overTls }) => {
        const values = valuesOf(overTls, 'strict-transport-security');
        const age = Number(/max-age=(\d+)/.exec(values[0] ?? '')?.[1] ?? 0);
        return values.length === 1 && age >= 31_536_000
          ? ok(`${values[0]}`)
          : fail(values.join(' and ') || 'none');
      }),
  },
  {
    id: 'hsts-plain',
    family: 'http',
    title: 'HSTS is not sent over plain HTTP',
    source: 'RFC 6797, 7.2',
    fix: `deploy/nginx/http/transport-security.conf. ${NGINX}`,
    judge: (facts) =>
      askedHttp(facts, ({ answers }) => none(valuesOf(answers.page, 'strict-transport-security'), 'none')),
  },
  {
    id: 'version-banner',
    family: 'http',
    title: 'No answer tells the name and version of a program',
    source: 'OWASP HTTP Headers: Server, X-Powered-By; ASVS 14.3',
    fix: `server_tokens off; proxy_hide_header X-Powered-By. ${NGINX}`,
    judge: (facts) =>
      askedHttp(facts, ({ answers }) =>
        none(
          PAGES.flatMap((page) =>
            listBanners(answers[page]).map((banner) => `${PAGE_TITLES[page]}: ${banner}`),
          ),
          'no version in headers or error pages',
        ),
      ),
  },
  {
    id: 'error-detail',
    family: 'http',
    title: 'Errors of the API are problem documents that show nothing of its inside',
    source: 'RFC 9457; OWASP Error Handling',
    fix: 'see backend/src/plugins/problems.ts',
    judge: (facts) =>
      askedHttp(facts, ({ answers: { apiError } }) => {
        const type = valuesOf(apiError, 'content-type').join();
        if (!type.startsWith('application/problem+json')) return fail(`its type is ${type || 'missing'}`);
        const inside = /\.(js|ts):\d+|node_modules|\bat \S+ \(|SELECT |stack"/.exec(apiError.body)?.[0];
        return inside ? fail(`it says "${inside}"`) : ok(`${apiError.status} ${type}`);
      }),
  },
];

function listBanners(answer: Answer): string[] {
  const server = valuesOf(answer, 'server').filter((value) => /\d/.test(value));
  const powered = ['x-powered-by', 'x-aspnet-version', 'via'].flatMap((name) => valuesOf(answer, name));
  const page = /\b(?:nginx|openresty|node(?:\.js)?|fastify|express)\/\d[\d.]*/i.exec(answer.body);
  return [...server, ...powered, ...(page && answer.status >= 400 ? [page[0]] : [])];
}

interface RawRule {
  id: string;
  title: string;
  source: string;
  /** Names of what was sent; see probe.ts. */
  sent: readonly string[];
  /** Statuses that are a refusal. */
  refused: readonly number[];
  fix: string;
}

const SMUGGLING = 'RFC 9112, 6.3 and 11.2; OWASP: HTTP request smuggling';
const TRAVERSAL = 'OWASP: path traversal; CWE-22';
const LIMITS = 'OWASP Denial of Service: limits on requests';

const RAW: readonly RawRule[] = [
  {
    id: 'smuggling-length',
    title:
      'A request with both Content-Length and Transfer-Encoding, or two lengths, is refused and the connection closed',
    source: SMUGGLING,
    sent: ['length and chunked', 'two lengths'],
    refused: [400],
    fix: NGINX,
  },
  {
    id: 'smuggling-encoding',
    title: 'A disguised Transfer-Encoding is refused',
    source: SMUGGLING,
    sent: ['unknown encoding', 'encoding with a space', 'encoding twice'],
    refused: [400, 501],
    fix: NGINX,
  },
  {
    id: 'smuggling-upgrade',
    title: 'No connection is upgraded to HTTP/2 behind the proxy’s back',
    source: 'RFC 9113, 3.1: h2c; OWASP: HTTP request smuggling',
    sent: ['h2c'],
    refused: [200, 400, 404, 405],
    fix: 'deploy/nginx/http/backend.conf passes Upgrade on for WebSockets alone',
  },
  {
    id: 'traversal-plain',
    title: 'A path with .. leads nowhere (/api../, /assets../)',
    source: TRAVERSAL,
    sent: ['/api../', '/assets../nginx.conf', '/assets/../../../etc/passwd', '/api/../../etc/passwd'],
    refused: [400, 403, 404],
    fix: `deploy/nginx/http/refusals.conf. ${NGINX}`,
  },
  {
    id: 'traversal-encoded',
    title: 'An encoded .. or slash leads nowhere',
    source: TRAVERSAL,
    sent: [
      '/%2e%2e/%2e%2e/etc/passwd',
      '/assets/..%2f..%2fetc/passwd',
      '/api/%2e%2e/%2e%2e/health',
      '/assets/..%5c..%5cetc/passwd',
      '/%00',
    ],
    refused: [400, 403, 404],
    fix: `deploy/nginx/http/refusals.conf. ${NGINX}`,
  },
  {
    id: 'hidden-files',
    title: 'Hidden files and listings are not served',
    source: 'OWASP: information leakage',
    sent: ['/.git/config', '/.env', '/.env.production', '/assets/'],
    refused: [403, 404],
    fix: `deploy/nginx/http/refusals.conf. ${NGINX}`,
  },
  {
    id: 'header-size',
    title: 'Headers and addresses that are too long or too many are refused',
    source: LIMITS,
    sent: ['long header', 'many headers', 'long address'],
    refused: [400, 414, 431],
    fix: `deploy/nginx/http/limits.conf. ${NGINX}`,
  },
  {
    id: 'body-size',
    title: 'A body that is too large is refused before it is read',
    source: LIMITS,
    sent: ['large body', 'large chunked body'],
    refused: [413],
    fix: `client_max_body_size in deploy/nginx/http/limits.conf. ${NGINX}`,
  },
  {
    id: 'host-foreign',
    title: 'The API refuses a host name that is not ours',
    source: 'OWASP: Host header injection',
    sent: ['foreign host'],
    refused: [400, 403, 404, 421],
    fix: 'no * in ALLOWED_HOSTS of the env file, then: make prod-up',
  },
  {
    id: 'host-malformed',
    title: 'A request without a host, with two, or with a malformed one is refused',
    source: 'RFC 9112, 3.2',
    sent: ['no host', 'two hosts', 'malformed host'],
    refused: [400],
    fix: NGINX,
  },
  {
    id: 'methods',
    title: 'TRACE, CONNECT, unknown methods and writing to the page are refused',
    source: 'OWASP REST Security: restrict HTTP methods',
    sent: ['TRACE', 'CONNECT', 'unknown method', 'PUT on the page', 'DELETE on the page'],
    refused: [400, 405, 501],
    fix: `deploy/nginx/http/refusals.conf. ${NGINX}`,
  },
];

const refusals = RAW.map(
  ({ id, title, source, sent, refused, fix }): Check => ({
    id,
    family: 'http',
    title,
    source,
    fix,
    judge: (facts) =>
      askedHttp(facts, ({ raw }) => {
        const wrong = sent.flatMap((name) => {
          const outcome = raw[name];
          if (outcome && isRefused(outcome, refused)) return [];
          return [`${name}: ${outcome?.statuses.join(' and ') || 'no answer'}`];
        });
        return none(wrong, sent.map((name) => `${name}: ${raw[name]?.statuses[0] ?? 'cut'}`).join(', '));
      }),
  }),
);

/** One answer at the most, a refusal, and nothing of the host's files in it; cutting the connection is a refusal too. */
function isRefused({ statuses, closed, body }: RawOutcome, refused: readonly number[]): boolean {
  if (/root:x?:0:0|worker_processes|\[core\]/.test(body)) return false;
  if (statuses.length === 0) return closed;
  return statuses.length === 1 && statuses.every((status) => refused.includes(status));
}

const clients: Check[] = [
  ...(['slow header', 'slow body'] as const).map(
    (name): Check => ({
      id: name.replace(' ', '-'),
      family: 'http',
      title: `A client that stops in the middle of its ${name.slice(5)} is cut`,
      source: 'OWASP Denial of Service: slow HTTP (Slowloris)',
      fix: `client_header_timeout and client_body_timeout in deploy/nginx/http/limits.conf. ${NGINX}`,
      judge: (facts) =>
        askedHttp(facts, ({ raw }) => {
          const outcome = raw[name];
          return outcome?.closed && outcome.ms <= SLOW_MS
            ? ok(`cut after ${(outcome.ms / 1000).toFixed(1)} s`)
            : fail(`still open after ${((outcome?.ms ?? 0) / 1000).toFixed(1)} s`);
        }),
    }),
  ),
  {
    id: 'cors',
    family: 'http',
    title: 'A page of another origin may not read the API',
    source: 'OWASP HTML5 Security: CORS',
    fix: 'BACKEND_CORS_ORIGINS=[] in the env file, then: make prod-up',
    judge: (facts) =>
      askedHttp(facts, ({ foreignOrigin, preflight }) =>
        none(
          [
            ...valuesOf(foreignOrigin, 'access-control-allow-origin'),
            ...valuesOf(preflight, 'access-control-allow-origin'),
          ].map((value) => `Access-Control-Allow-Origin: ${value}`),
          'no Access-Control header for https://foreign.example',
        ),
      ),
  },
  {
    id: 'websocket-origin',
    family: 'http',
    title: 'A page of another origin may not open a WebSocket',
    source: 'RFC 6455, 10.2; OWASP WebSocket Security',
    fix: 'BACKEND_CORS_ORIGINS=[] in the env file, then: make prod-up',
    judge: (facts) =>
      askedHttp(facts, ({ webSocket: { foreign } }) =>
        foreign === 403 ? ok('403') : fail(`answered ${foreign}`),
      ),
  },
  {
    id: 'websocket-heartbeat',
    family: 'http',
    title: 'A WebSocket of our own origin opens and gets a heartbeat well before a proxy gives up',
    source: 'RFC 6455, 5.5.2',
    fix: 'see why: make prod-logs',
    judge: (facts) =>
      askedHttp(facts, ({ webSocket: { own, heartbeatMs } }) => {
        if (own !== 101) return fail(`answered ${own}`);
        return heartbeatMs !== null && heartbeatMs <= HEARTBEAT_MS
          ? ok(`a ping after ${(heartbeatMs / 1000).toFixed(1)} s`)
          : fail('no ping came');
      }),
  },
];

export const httpChecks: readonly Check[] = [...headers, ...policies, ...refusals, ...clients];
