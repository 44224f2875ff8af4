/**
 * Takes the name out of a Host header: lower case, without port, IPv6 without brackets.
 *
 * @returns null when the header is missing or malformed
 */
export function parseHostName(header: string | undefined): string | null {
  const match = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::\d{1,5})?$/i.exec(header ?? '');
  return (match?.[1] ?? match?.[2])?.toLowerCase().replace(/\.$/, '') ?? null;
}

/**
 * Tells whether a host name is allowed.
 *
 * @param allowed names in lower case: exact, `.example.org` for a domain with its subdomains, `*` for any
 */
export function isHostAllowed(name: string, allowed: readonly string[]): boolean {
  return allowed.some((entry) => {
    if (entry === '*') return true;
    if (entry.startsWith('.')) return name === entry.slice(1) || name.endsWith(entry);
    return name === entry.replace(/^\[(.*)\]$/, '$1');
  });
}
