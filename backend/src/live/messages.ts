import type { Change } from '../schemas/answers.ts';

/** What the server says over the WebSocket. */
export type ServerMessage =
  | { type: 'hello'; seq: number; version: string; heartbeatSeconds: number }
  | ({ type: 'change' } & Change)
  | { type: 'resync'; seq: number }
  | { type: 'ping'; at: string };

/** What a client may say. */
export type ClientMessage = { type: 'resume'; since: number } | { type: 'pong' };

/**
 * Reads a client's message.
 *
 * @returns null when it is none of those a client may send
 */
export function parseClientMessage(text: string): ClientMessage | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof value !== 'object' || value === null || !('type' in value)) return null;
  if (value.type === 'pong') return { type: 'pong' };
  if (value.type !== 'resume' || !('since' in value)) return null;
  const { since } = value;
  return typeof since === 'number' && Number.isSafeInteger(since) && since >= 0
    ? { type: 'resume', since }
    : null;
}
