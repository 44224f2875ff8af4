import { type Check, fail, none, ok } from '../../check.ts';
import { type Answer, PAGES } from '../../facts.ts';
import { askedHttp, NGINX, PAGE_TITLES, valuesOf } from './asked.ts';

const HEADERS_SOURCE = 'OWASP HTTP Headers';

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

/** What the headers and bodies of answers say. */
export const headerChecks: readonly Check[] = [...headers, ...policies];
