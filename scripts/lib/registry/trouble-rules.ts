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
  return TROUBLES.find(({ when }) => when.test(said))?.say(host);
}

const signIn = (host: string) =>
  `docker login ${host}; or REGISTRY_USER and REGISTRY_PASSWORD_FILE in .env.production`;

/** The first that fits counts. */
const TROUBLES: readonly { when: RegExp; say(host: string): Trouble }[] = [
  {
    when: /x509|certificate signed by unknown authority|certificate verify failed|tls: /i,
    say: (host) => ({
      cause: `The certificate of ${host} comes from an authority that this host does not know`,
      hint: `put the authority's certificate into /etc/docker/certs.d/${host}/ca.crt, then run this again (no restart is needed)`,
    }),
  },
  {
    when: /token (has )?expired|expired/i,
    say: (host) => ({ cause: `The sign-in at ${host} has expired`, hint: signIn(host) }),
  },
  {
    // A registry on loopback is asked over HTTP as well, after it refused over TLS: 400 then.
    when: /login attempt to \S+ failed with status|no basic auth credentials|unauthorized|authentication required|incorrect username or password|401|denied: requested access|\b403\b|denied/i,
    say: (host) => ({
      cause: `${host} refuses this user, or the password is wrong`,
      hint: signIn(host),
    }),
  },
  {
    when: /no space left|quota|insufficient storage|507|disk full/i,
    say: (host) => ({
      cause: `${host} has no space left`,
      hint: 'make room in the registry, then run this again: what was sent stays there',
    }),
  },
  {
    when: /manifest unknown|name unknown|not found|404/i,
    say: (host) => ({
      cause: `${host} has no such release`,
      hint: 'see which there are: make prod-images REMOTE=1',
    }),
  },
  {
    when: /invalid character '<'|text\/html|missing or empty Content-Type|unsupported content type|unexpected content|not a registry|invalid character|malformed HTTP/i,
    say: (host) => ({
      cause: `${host} does not answer as a registry does; perhaps a web page or a proxy stands there`,
      hint: 'see whether REGISTRY names the registry itself, such as ghcr.io/owner',
    }),
  },
  {
    when: /server gave HTTP response to HTTPS client/i,
    say: (host) => ({
      cause: `${host} speaks HTTP without TLS, which docker refuses for all but this host`,
      hint: 'give the registry a certificate',
    }),
  },
  {
    when: /no such host|connection refused|no route to host|network is unreachable|connection reset|unexpected EOF|broken pipe|\bEOF\b|temporary failure in name resolution/i,
    say: (host) => ({
      cause: `${host} does not answer`,
      hint: 'see whether it runs and the name is right, then run this again: it goes on from where it stopped',
    }),
  },
  {
    when: /timeout|timed out|deadline exceeded|Client\.Timeout|context canceled/i,
    say: (host) => ({
      cause: `${host} does not answer in time`,
      hint: 'run this again: it goes on from where it stopped',
    }),
  },
];
