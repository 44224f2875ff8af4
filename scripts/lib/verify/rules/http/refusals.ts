import { type Check, none } from '../../check.ts';
import type { RawOutcome } from '../../facts.ts';
import { askedHttp, NGINX } from './asked.ts';

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

/** What is refused. */
export const refusalChecks = RAW.map(
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
