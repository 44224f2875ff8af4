import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/**
 * Takes over the id that nginx gave a request, so that both logs can be joined; makes one when there is none, when it could not
 * be written to a log as it is, or when somebody else sent it.
 *
 * @param isOwn tells whether an address is of the stack's own networks
 */
export function chooseRequestId(
  { headers, socket }: Pick<IncomingMessage, 'headers' | 'socket'>,
  isOwn: (address: string | undefined) => boolean,
): string {
  const given = headers['x-request-id'];
  const isGood = typeof given === 'string' && /^[A-Za-z0-9._-]{8,64}$/.test(given);
  return isGood && isOwn(socket.remoteAddress) ? given : randomUUID();
}
