import { type Check, fail, none, ok } from '../../check.ts';
import { askedHttp, NGINX, valuesOf } from './asked.ts';

/** nginx cuts a slow client after 10 s; a busy host may take a little longer to say so. */
const SLOW_MS = 15_000;
const HEARTBEAT_MS = 18_000;

/** Slow clients, pages of other origins, WebSockets. */
export const clientChecks: readonly Check[] = [
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
