/** Removes the values of query parameters whose names speak of secrets, before an address is logged. */
export function hideSecrets(url: string): string {
  return url.replace(/([?&][^=&]*(?:token|secret|password|passwd|key|auth)[^=&]*)=[^&]*/gi, '$1=[redacted]');
}
