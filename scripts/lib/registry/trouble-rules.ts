/** What a registry's refusal means, and what helps. */
export interface Trouble {
  cause: string;
  hint: string;
}

/**
 * Puts into a sentence what docker, skopeo or cosign said of a registry.
 * @param said what the program wrote
 * @param host of the registry, with its port
 * @returns undefined for what nobody foresaw
 */
export function explainRegistry(said: string, host: string): Trouble | undefined {
  // A digest has the digits of any status in it somewhere.
  const text = said.replace(/\b[0-9a-f]{12,64}\b/g, '…');
  const found = TROUBLES.find(({ when }) => when.test(text));
  return found && { cause: `${host} ${found.cause}`, hint: found.hint.replaceAll('HOST', host) };
}

/** Ends the sentence on what is not in a registry, which is no fault to whoever looks. */
export const MISSING = 'has no such release';

/** How HTTP's status is written: `status: 401 Unauthorized`, `status code 401`, `HTTP 401`, `failed with status: 401`. */
const status = (codes: string) => `(?:status(?: code)?:?|HTTP) (?:${codes})\\b`;
const signIn = 'docker login HOST; or REGISTRY_USER and REGISTRY_PASSWORD_FILE in .env.production';
const goOn = 'run this again: it goes on from where it stopped';

/** The first that fits counts: a page of HTML comes with any status, and says more than that. */
const TROUBLES: readonly { when: RegExp; cause: string; hint: string }[] = [
  {
    when: /invalid character '<'|<html|<!doctype|text\/html|missing or empty Content-Type|unsupported content type|unexpected content|not a registry|malformed HTTP|malformed MIME/i,
    cause: 'does not answer as a registry does; perhaps a web page or a proxy stands there',
    hint: 'see whether REGISTRY names the registry itself, such as ghcr.io/owner',
  },
  {
    when: /server gave HTTP response to HTTPS client|first record does not look like a TLS handshake/i,
    cause: 'speaks HTTP without TLS, which docker refuses for all but this host',
    hint: 'give the registry a certificate',
  },
  {
    when: /certificate has expired or is not yet valid/i,
    cause: 'has a certificate that has expired, or this host’s clock is wrong',
    hint: 'date; the registry’s owner renews the certificate',
  },
  {
    when: /certificate is valid for|certificate is not valid for|doesn't contain any IP SANs/i,
    cause: 'has a certificate for another name',
    hint: 'REGISTRY takes the name that the certificate has',
  },
  {
    when: /x509|unknown authority|certificate verify failed|failed to verify certificate|\btls: /i,
    cause: 'has a certificate of an authority that this host does not know',
    hint: 'put the authority’s certificate into /etc/docker/certs.d/HOST/ca.crt, then run this again (no restart is needed)',
  },
  {
    when: new RegExp(`toomanyrequests|too many requests|rate limit|${status('429')}`, 'i'),
    cause: 'was asked too often, and wants a pause',
    hint: 'run this again later; who is signed in may ask more: docker login HOST',
  },
  {
    when: /\bexpired\b/i,
    cause: 'says that the sign-in has expired',
    hint: signIn,
  },
  {
    when: new RegExp(`no space left|quota|insufficient storage|disk (is )?full|${status('507|413')}`, 'i'),
    cause: 'has no space left',
    hint: 'make room in the registry, then run this again: what was sent stays there',
  },
  {
    // A registry on loopback is asked over HTTP as well, after it refused over TLS: 400 then.
    when: new RegExp(
      `login attempt to \\S+ failed with status|no basic auth credentials|unauthorized|authentication required|incorrect username or password|\\bdenied\\b|${status('401|403')}`,
      'i',
    ),
    cause: 'refuses this user, or the password is wrong',
    hint: signIn,
  },
  {
    when: new RegExp(`manifest unknown|name unknown|name invalid|not found|${status('404')}`, 'i'),
    cause: MISSING,
    hint: 'see which there are: make prod-images REMOTE=1',
  },
  {
    when: /timeout|timed out|deadline exceeded|context canceled/i,
    cause: 'does not answer in time',
    hint: goOn,
  },
  {
    when: /no such host|connection refused|no route to host|network is unreachable|connection reset|\bEOF\b|broken pipe|name resolution|closed (?:network |idle )?connection|connection (?:lost|broken|error)|GOAWAY/i,
    cause: 'does not answer',
    hint: `see whether it runs and the name is right, then ${goOn}`,
  },
  {
    when: new RegExp(
      `internal server error|unknown error|bad gateway|service unavailable|${status('5\\d\\d')}`,
      'i',
    ),
    cause: 'has a fault of its own',
    hint: `its log says which, often a full disk; then ${goOn}`,
  },
];
