import { DescribedError, Exit, type ExitCode } from '../../process/errors.ts';
import { toPrintable } from '../../process/printable.ts';

/** What was being done when NPM refused. */
export type NpmStep = 'status' | 'sign-in' | 'two-factor' | 'read' | 'write' | 'certificate' | 'remove';

/** A failed request: what was asked, and what came back. */
export interface NpmFailure {
  step: NpmStep;
  status: number;
  /** NPM's own words, often no more than "Internal Error". */
  message: string;
  domain: string;
  url: string;
}

const CONTAINER = 'YOUR_NPM_CONTAINER';
const AGAIN = 'then run the same command again';

type Row = [when: (failure: NpmFailure) => boolean, cause: string, hint: string, exitCode?: ExitCode];

/**
 * What a failed request means; the first row that fits. NPM's status codes mislead: a bad password is 400, a missing token 404, a
 * bad token 500, and a configuration on its disk that nginx refuses makes every change a 500 although the row is written.
 */
const MEANINGS: readonly Row[] = [
  [
    ({ status }) => status >= 502 && status <= 504,
    "NPM's own API is away ({status}); it may be starting",
    `docker logs ${CONTAINER}, ${AGAIN}`,
  ],
  [
    ({ step, status }) => step === 'status' || (status >= 200 && status < 300),
    "{url} answers, but not as NPM's API does ({status})",
    'NPM_URL=http://HOST:81',
    Exit.missing,
  ],
  [
    ({ step, status }) => step === 'sign-in' && status < 500,
    'NPM does not accept this sign-in{said}',
    'see NPM_IDENTITY (the e-mail address) and NPM_SECRET (the password)',
  ],
  [
    ({ step }) => step === 'two-factor',
    'NPM does not accept the two-factor code',
    'NPM_TOTP=CODE with a fresh code of the authenticator app',
  ],
  [
    ({ status }) => status === 403,
    'The signed-in user may not do this in NPM',
    'sign in as an administrator: NPM_IDENTITY, NPM_SECRET',
  ],
  [
    ({ step, status }) => status === 401 || (step === 'read' && status === 404),
    'NPM does not see who is signed in: the token does not reach it',
    "NPM_URL must be NPM's own address, with no proxy that drops Authorization (it is {url})",
  ],
  [
    ({ step, status }) => step === 'read' && status === 500,
    'NPM does not accept the token that it has just given',
    `docker restart ${CONTAINER}, ${AGAIN}`,
  ],
  [
    ({ message }) => /already in use/i.test(message),
    '{domain} is taken in NPM by a host of another kind, or of another user',
    `remove it there under Hosts (redirection, stream or 404 hosts), ${AGAIN}`,
  ],
  [({ status }) => status === 404, 'NPM no longer has this host{said}', 'run the same command again'],
  [
    ({ status }) => status >= 400 && status < 500,
    'NPM refuses the request{said}',
    'this kit speaks to NPM 2.12 and newer: see the version on its page',
  ],
  [
    ({ message }) => message.includes('[emerg]'),
    "NPM's nginx refuses a configuration on NPM's disk{said}",
    `fix or remove what it names on NPM’s page, ${AGAIN}`,
  ],
  [
    () => true,
    "NPM could not finish ({status}): its nginx refuses a configuration on NPM's disk, of whichever host",
    `see which: docker exec ${CONTAINER} nginx -t; fix or remove it, ${AGAIN}`,
  ],
];

/** A request that NPM refused; its sentence is true. */
export function explainFailure(failure: NpmFailure): DescribedError {
  const { step, status, message } = failure;
  if (step === 'certificate' && (status === 500 || status === 400))
    return explainCertificate(message, failure.domain);
  const said = message ? `: ${firstLine(message)}` : '';
  const fill = (text: string) =>
    text.replace(/\{(\w+)\}/g, (_, key) =>
      key === 'said' ? said : String(failure[key as keyof NpmFailure]),
    );
  const [, cause, hint, exitCode] = MEANINGS.find(([when]) => when(failure)) ?? [];
  return new DescribedError(fill(cause ?? ''), fill(hint ?? ''), exitCode);
}

/** Certbot's reasons: what a certificate authority says in the `Detail:` of its log. */
const CERTIFICATE_REASONS: readonly [RegExp, string, string][] = [
  [
    /requests\.exceptions|Max retries exceeded/,
    'NPM cannot reach it',
    `let NPM's container out to the Internet, or see what it lacks: docker exec ${CONTAINER} curl -sS https://acme-v02.api.letsencrypt.org/directory`,
  ],
  [
    /too many|rateLimited/i,
    'too many orders lately; NPM may have a good one already',
    'wait as long as it says (https://letsencrypt.org/docs/rate-limits/)',
  ],
  [
    /DNS problem|NXDOMAIN|SERVFAIL|no valid (?:A|IP)\b/i,
    'its name server gives no address for the domain',
    'make the A record, wait until it is known everywhere',
  ],
  [
    /timeout|timed out|connection refused|connection reset|firewall|error getting validation data/i,
    'it could not reach port 80 of the domain',
    'open port 80 in every firewall up to NPM',
  ],
  [
    /unauthorized|invalid response|\b40[34]\b/i,
    'port 80 of the domain is answered by something else',
    'point the A and AAAA records to this host alone',
  ],
];

/** @param said certbot's own words; of most failures NPM passes on "Some challenges have failed." and no more */
export function explainCertificate(said: string, domain: string): DescribedError {
  const [, reason, hint] = CERTIFICATE_REASONS.find(([pattern]) => pattern.test(said)) ?? [];
  const words = said && !/^internal error$/i.test(said) ? ` (${firstLine(said)})` : '';
  return new DescribedError(
    `Let's Encrypt gave no certificate for ${domain}: ${reason ?? 'NPM does not say why'}${words}`,
    hint
      ? `${hint}, ${AGAIN}`
      : `see why: docker exec ${CONTAINER} grep -h -B2 Detail: /data/logs/letsencrypt.log`,
  );
}

/**
 * The reasons in certbot's log of its last run: each `Detail:` of the authority once, or why it was not reached; empty where there is
 * none.
 */
export function findDetails(log: string): string {
  const details = [...log.matchAll(/^\s*Detail: (.+)$/gm)].map(([, detail = '']) => toPrintable(detail));
  const [unreached = ''] = [...log.matchAll(/requests\.exceptions\.\w+: .+$/gm)].at(-1) ?? [];
  return ([...new Set(details)].join('; ') || toPrintable(unreached)).slice(0, 400);
}

/**
 * What nginx has against a host's configuration.
 * @param error as NPM keeps it: several lines, some of them about something else
 */
export function explainOffline(error: string | null): string {
  const lines = (error ?? '').split('\n').map((line) => line.trim());
  return firstLine(lines.find((line) => line.includes('[emerg]')) ?? lines.find(Boolean) ?? '');
}

/** Whether it is the zone of the rate limit that is missing. */
export function isMissingZone(error: string | null): boolean {
  return /zero size shared memory zone/.test(error ?? '');
}

function firstLine(text: string): string {
  return toPrintable(text.trim().split('\n')[0] ?? '', 400);
}
