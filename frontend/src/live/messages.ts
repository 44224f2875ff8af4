import type { Change } from '../api/types.ts';

export type ServerMessage =
  | { type: 'hello'; seq: number; version: string; heartbeatSeconds: number }
  | ({ type: 'change' } & Change)
  | { type: 'ping'; at?: string }
  | { type: 'resync'; seq: number };

export type ClientMessage = { type: 'resume'; since: number } | { type: 'pong' };

/**
 * Reads one message of the server.
 * @returns null for text that is no JSON or of a type this page does not know: a newer server may say more
 */
export function parseMessage(text: unknown): ServerMessage | null {
  if (typeof text !== 'string') return null;
  let message: unknown;
  try {
    message = JSON.parse(text);
  } catch {
    return null;
  }
  return isServerMessage(message) ? message : null;
}

function isServerMessage(value: unknown): value is ServerMessage {
  if (value === null || typeof value !== 'object') return false;
  const message = value as Record<string, unknown>;
  switch (message.type) {
    case 'hello':
      return Number.isFinite(message.seq) && Number.isFinite(message.heartbeatSeconds);
    case 'change':
      return Number.isFinite(message.seq) && typeof message.symbol === 'string';
    case 'resync':
      return Number.isFinite(message.seq);
    default:
      return message.type === 'ping';
  }
}
