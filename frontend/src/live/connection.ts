import type { Change } from '../api/types.ts';
import { backoffMs } from './backoff.ts';
import { type ClientMessage, parseMessage, type ServerMessage } from './messages.ts';

/** No greeting within this time counts as a failed connection. */
const GREETING_MS = 10_000;
/** A connection that lived this long was a good one: the next failure starts from the shortest wait again. */
const STABLE_MS = 10_000;
/** Close codes with which a server asks to be left alone for a while: policy, overload. */
const QUIET_MS: Record<number, number> = { 1008: 15_000, 1013: 5_000 };

type LiveState = 'connecting' | 'live' | 'waiting' | 'offline' | 'stopped';

export interface LiveSnapshot {
  state: LiveState;
  /** Failed tries since the last good connection. */
  attempt: number;
  /** When the next try is due (epoch milliseconds), while waiting. */
  retryAt: number | null;
  /** When the present connection was greeted (epoch milliseconds). */
  connectedAt: number | null;
  /** When the server was last heard (epoch milliseconds). */
  heardAt: number | null;
  /** The last sequence number known. */
  seq: number | null;
  /** Version of the server, from its greeting. */
  serverVersion: string | null;
}

export interface LiveEvents {
  snapshot(snapshot: LiveSnapshot): void;
  change(change: Change): void;
  /** What was loaded before may be out of date in ways that no change message will tell. */
  resync(): void;
}

/** What the connection needs of its surroundings, so that a test can stand in for them. */
export interface LiveEnvironment {
  openSocket(): WebSocket;
  isOnline(): boolean;
  random(): number;
}

export interface LiveConnection {
  start(): void;
  stop(): void;
  /** Tries at once, without waiting for the next try. */
  retryNow(): void;
  /** Tells that the browser went online or offline. */
  networkChanged(): void;
}

/**
 * Keeps one WebSocket to the server: reconnects with back-off and jitter, resumes from the last sequence number, and
 * gives up a connection on which the heartbeat stopped.
 */
export function createLiveConnection(environment: LiveEnvironment, events: LiveEvents): LiveConnection {
  let socket: WebSocket | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let silenceMs = GREETING_MS;
  let snapshot: LiveSnapshot = {
    state: 'stopped',
    attempt: 0,
    retryAt: null,
    connectedAt: null,
    heardAt: null,
    seq: null,
    serverVersion: null,
  };

  function update(patch: Partial<LiveSnapshot>): void {
    snapshot = { ...snapshot, ...patch };
    events.snapshot(snapshot);
  }

  /** One timer at a time: either for the next try, or for the silence after which the server counts as gone. */
  function arm(ms: number, action: () => void): void {
    clearTimeout(timer);
    timer = setTimeout(action, ms);
  }

  function connect(): void {
    dropSocket();
    if (!environment.isOnline()) {
      clearTimeout(timer);
      update({ state: 'offline', retryAt: null, connectedAt: null });
      return;
    }
    update({ state: 'connecting', retryAt: null, connectedAt: null });
    const opened = environment.openSocket();
    socket = opened;
    silenceMs = GREETING_MS;
    arm(silenceMs, () => lost(opened, 0));
    opened.addEventListener('message', (event: MessageEvent) => {
      if (opened === socket) heard(event.data);
    });
    opened.addEventListener('close', (event: CloseEvent) => lost(opened, event.code));
  }

  function heard(data: unknown): void {
    const opened = socket;
    if (!opened) return;
    const message = parseMessage(data);
    if (message?.type === 'hello') silenceMs = message.heartbeatSeconds * 2_000 + 5_000;
    arm(silenceMs, () => lost(opened, 0));
    if (message) react(message);
  }

  function react(message: ServerMessage): void {
    const heardAt = Date.now();
    switch (message.type) {
      case 'hello':
        greeted(message.seq, message.version, heardAt);
        break;
      case 'change':
        update({ heardAt, seq: Math.max(snapshot.seq ?? 0, message.seq) });
        events.change(message);
        break;
      case 'resync':
        update({ heardAt, seq: message.seq });
        events.resync();
        break;
      case 'ping':
        update({ heardAt });
        send({ type: 'pong' });
    }
  }

  function greeted(serverSeq: number, serverVersion: string, at: number): void {
    const known = snapshot.seq;
    update({
      state: 'live',
      connectedAt: at,
      heardAt: at,
      retryAt: null,
      serverVersion,
    });
    // The database was replaced by an older one when its numbers went back: they mean something else now.
    const isNew = known === null || serverSeq < known;
    if (isNew) update({ seq: serverSeq });
    // What the page asked for before this greeting may be older than it.
    if (isNew) events.resync();
    // The server holds changes back until it hears from which one to go on.
    send({ type: 'resume', since: isNew ? serverSeq : known });
  }

  function lost(which: WebSocket, code: number): void {
    if (which !== socket) return;
    const lived = snapshot.connectedAt === null ? 0 : Date.now() - snapshot.connectedAt;
    dropSocket();
    const attempt = lived >= STABLE_MS ? 0 : snapshot.attempt;
    const wait = backoffMs(attempt, environment.random(), QUIET_MS[code]);
    update({ state: 'waiting', attempt: attempt + 1, retryAt: Date.now() + wait, connectedAt: null });
    arm(wait, connect);
  }

  function dropSocket(): void {
    const old = socket;
    socket = null;
    old?.close();
  }

  function send(message: ClientMessage): void {
    if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
  }

  return {
    start: connect,
    stop() {
      clearTimeout(timer);
      dropSocket();
      update({ state: 'stopped', retryAt: null, connectedAt: null });
    },
    retryNow() {
      if (snapshot.state === 'waiting' || snapshot.state === 'offline') connect();
    },
    networkChanged() {
      if (snapshot.state === 'stopped') return;
      if (!environment.isOnline() || snapshot.state === 'offline' || snapshot.state === 'waiting') connect();
    },
  };
}
