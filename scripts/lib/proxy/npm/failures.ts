import { Exit, type ExitCode } from '../../process/errors.ts';

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

/** A sentence that is true, and what to do. */
export interface Explanation {
  cause: string;
  hint: string;
  exitCode: ExitCode;
}

const AGAIN = 'then run the same command again';
const NGINX_TEST = 'docker exec YOUR_NPM_CONTAINER nginx -t';

/**
 * Says what a failed request means. NPM's status codes mislead: a bad password is 400, a missing token 404, a bad token 500,
 * and a configuration on its disk that nginx refuses makes every change a 500 although the row is written.
 */
export function explainFailure(failure: NpmFailure): Explanation {
  const { step, status, message, domain, url } = failure;
  const said = message ? `: ${message}` : '';
  const fail = (cause: string, hint: string, exitCode: ExitCode = Exit.failed) => ({ cause, hint, exitCode });
  if (status === 502 || status === 503 || status === 504) {
    return fail(
      `NPM's own API is away (${status}); it may be starting`,
      `docker logs YOUR_NPM_CONTAINER, ${AGAIN}`,
    );
  }
  if (step === 'status') {
    return fail(
      `${url} answers, but not as NPM's API does (${status})`,
      'NPM_URL=http://HOST:81',
      Exit.missing,
    );
  }
  if (step === 'sign-in' && status < 500) {
    return fail(
      `NPM does not accept this sign-in${said}`,
      'see NPM_IDENTITY (the e-mail address) and NPM_SECRET (the password)',
    );
  }
  if (step === 'two-factor') {
    return fail(
      'NPM does not accept the two-factor code',
      'NPM_TOTP=CODE with a fresh code of the authenticator app',
    );
  }
  if (status === 403) {
    return fail(
      'The signed-in user may not do this in NPM',
      'sign in as an administrator: NPM_IDENTITY, NPM_SECRET',
    );
  }
  if (status === 401 || (step === 'read' && status === 404)) {
    return fail(
      'NPM does not see who is signed in: the token does not reach it',
      `NPM_URL must be NPM's own address, with no proxy that drops Authorization (it is ${url})`,
    );
  }
  if (step === 'read' && status === 500) {
    return fail(
      'NPM does not accept the token that it has just given',
      `docker restart YOUR_NPM_CONTAINER, ${AGAIN}`,
    );
  }
  if (step === 'certificate') return { ...explainCertificate(message, domain), exitCode: Exit.failed };
  if (/already in use/i.test(message)) {
    return fail(
      `${domain} is taken in NPM by a host of another kind, or of another user`,
      `remove it there under Hosts (redirection, stream or 404 hosts), ${AGAIN}`,
    );
  }
  if (status === 404) return fail(`NPM no longer has this host${said}`, 'run the same command again');
  if (status === 400) {
    return fail(
      `NPM refuses the request${said}`,
      'this kit speaks to NPM 2.12 and newer: see the version on its page',
    );
  }
  return fail(
    `NPM could not finish (${status}): its nginx refuses a configuration on NPM's disk, of whichever host`,
    `see which: ${NGINX_TEST}; fix or remove it, ${AGAIN}`,
  );
}

/** Certbot's reasons, of which NPM passes on a part. */
const CERTIFICATE_REASONS: readonly [RegExp, string, string][] = [
  [
    /too many|rate.?limit/i,
    'too many orders lately; NPM may have a good one already',
    'wait as long as it says (https://letsencrypt.org/docs/rate-limits/)',
  ],
  [
    /dns|nxdomain|no valid (?:a|ip)/i,
    'its name server gives no address for the domain',
    'make the A record, wait until it is known everywhere',
  ],
  [
    /timeout|connection|firewall|refused/i,
    'it could not reach port 80 of the domain',
    'open port 80 in every firewall up to NPM',
  ],
  [
    /unauthorized|challenge|404/i,
    'port 80 of the domain is answered by something else',
    'point the A and AAAA records to this host alone',
  ],
];

function explainCertificate(message: string, domain: string): { cause: string; hint: string } {
  const [, reason, hint] = CERTIFICATE_REASONS.find(([pattern]) => pattern.test(message)) ?? [];
  const said = message && !/^internal error$/i.test(message) ? ` (${firstLine(message)})` : '';
  return {
    cause: `Let's Encrypt gave no certificate for ${domain}: ${reason ?? 'NPM does not say why'}${said}`,
    hint: hint
      ? `${hint}, ${AGAIN}`
      : `see why: docker exec YOUR_NPM_CONTAINER tail -n 40 /data/logs/letsencrypt.log`,
  };
}

/**
 * What nginx has against a host's configuration.
 * @param error as NPM keeps it: several lines, some of them about something else
 */
export function explainOffline(error: string | null | undefined): string {
  const lines = (error ?? '').split('\n').map((line) => line.trim());
  return lines.find((line) => line.includes('[emerg]')) ?? firstLine(error ?? '') ?? '';
}

/** Whether it is the zone of the rate limit that is missing. */
export function isMissingZone(error: string | null | undefined): boolean {
  return /zero size shared memory zone/.test(error ?? '');
}

function firstLine(text: string): string {
  return text.trim().split('\n')[0]?.slice(0, 200) ?? '';
}
