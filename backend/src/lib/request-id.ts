import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/**
 * Takes over the id that the proxy gave a request, so that both logs can be joined; makes one when there is none or
 * when it could not be written to a log as it is.
 */
export function chooseRequestId({ headers }: Pick<IncomingMessage, 'headers'>): string {
  const given = headers['x-request-id'];
  return typeof given === 'string' && /^[A-Za-z0-9._-]{8,64}$/.test(given) ? given : randomUUID();
}
