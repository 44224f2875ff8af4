import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { backoffMs } from '../src/live/backoff.ts';
import { createLiveConnection, type LiveConnection, type LiveSnapshot } from '../src/live/connection.ts';
import { parseMessage } from '../src/live/messages.ts';
import { liveUrl } from '../src/live/use-live.ts';
import { makeGene } from './support/api.ts';
import { FakeSocket } from './support/fake-socket.ts';

let online: boolean;
let snapshot: LiveSnapshot;
let changes: string[];
let resyncs: number;
let live: LiveConnection;

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal('WebSocket', FakeSocket);
  FakeSocket.opened = [];
  online = true;
  changes = [];
  resyncs = 0;
  live = createLiveConnection(
    {
      openSocket: () => new FakeSocket('ws://test/') as unknown as WebSocket,
      isOnline: () => online,
      random: () => 0.999999,
    },
    {
      snapshot: (next) => {
        snapshot = next;
      },
      change: (change) => changes.push(change.symbol),
      resync: () => {
        resyncs += 1;
      },
    },
  );
  live.start();
});

afterEach(() => {
  live.stop();
  vi.useRealTimers();
});

function change(seq: number, symbol = 'PKD1') {
  return {
    type: 'change',
    seq,
    at: '2026-11-20T10:00:00Z',
    op: 'update',
    symbol,
    gene: makeGene({ seq }),
  } as const;
}

/** Milliseconds until the next try. */
function timeToRetry(): number {
  return (snapshot.retryAt ?? 0) - Date.now();
}

describe('a connection', () => {
  it('is live once greeted, and has what was loaded before asked for again', () => {
    expect(snapshot.state).toBe('connecting');
    FakeSocket.last.greets(10, '2.0.0');
    expect(snapshot).toMatchObject({ state: 'live', seq: 10, serverVersion: '2.0.0' });
    expect(resyncs).toBe(1);
  });

  it('passes changes on, counts the sequence and answers pings', () => {
    FakeSocket.last.greets(10);
    FakeSocket.last.says(change(11, 'WT1'));
    FakeSocket.last.says({ type: 'ping', at: '' });
    expect(changes).toEqual(['WT1']);
    expect(snapshot.seq).toBe(11);
    expect(FakeSocket.last.sent).toEqual([{ type: 'resume', since: 10 }, { type: 'pong' }]);
  });

  it('overhears what it does not know', () => {
    FakeSocket.last.greets(10);
    for (const text of ['', '{', '[]', 'null', '{"type":"news"}', '{"type":"change"}'])
      FakeSocket.last.says(text);
    expect(snapshot).toMatchObject({ state: 'live', seq: 10 });
    expect(changes).toEqual([]);
  });

  it('resumes after the last number it knows', () => {
    FakeSocket.last.greets(10);
    FakeSocket.last.says(change(12));
    FakeSocket.last.drops(1012);
    vi.advanceTimersByTime(1_000);
    FakeSocket.last.greets(15);
    expect(FakeSocket.opened).toHaveLength(2);
    expect(FakeSocket.last.sent).toEqual([{ type: 'resume', since: 12 }]);
    FakeSocket.last.says(change(13));
    expect(changes).toHaveLength(2);
    expect(resyncs).toBe(1);
  });

  it('starts over when the server says so', () => {
    FakeSocket.last.greets(10);
    FakeSocket.last.says({ type: 'resync', seq: 900 });
    expect(snapshot.seq).toBe(900);
    expect(resyncs).toBe(2);
  });

  it('starts over when the numbers went back: another database answers', () => {
    FakeSocket.last.greets(500);
    FakeSocket.last.drops();
    vi.advanceTimersByTime(1_000);
    FakeSocket.last.greets(20);
    expect(FakeSocket.last.sent).toEqual([{ type: 'resume', since: 20 }]);
    expect(snapshot.seq).toBe(20);
    expect(resyncs).toBe(2);
  });
});

describe('reconnecting', () => {
  it('waits twice as long after each failure, at most thirty seconds', () => {
    const waits: number[] = [];
    for (let attempt = 0; attempt < 7; attempt += 1) {
      FakeSocket.last.drops();
      expect(snapshot.state).toBe('waiting');
      waits.push(timeToRetry());
      vi.advanceTimersByTime(timeToRetry());
    }
    expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
  });

  it('starts from the shortest wait again after a connection that lasted', () => {
    for (let attempt = 0; attempt < 4; attempt += 1) {
      FakeSocket.last.drops();
      vi.advanceTimersByTime(timeToRetry());
    }
    FakeSocket.last.greets(1);
    vi.advanceTimersByTime(12_000);
    FakeSocket.last.drops();
    expect(timeToRetry()).toBe(1_000);
  });

  it('keeps backing off from a server that greets and drops at once', () => {
    for (let attempt = 0; attempt < 3; attempt += 1) {
      FakeSocket.last.greets(1);
      FakeSocket.last.drops();
      vi.advanceTimersByTime(timeToRetry());
    }
    expect(snapshot.attempt).toBe(3);
  });

  it.each([
    [1013, 5_000],
    [1008, 15_000],
  ])('leaves a server that closed with %i alone for longer', (code, wait) => {
    FakeSocket.last.drops(code);
    expect(timeToRetry()).toBe(wait);
  });

  it('gives up on a server that does not greet', () => {
    vi.advanceTimersByTime(10_000);
    expect(snapshot.state).toBe('waiting');
    expect(FakeSocket.last.readyState).toBe(3);
  });

  it('gives up when the heartbeat stops, and not while it goes on', () => {
    FakeSocket.last.greets(1, '1', 20);
    for (let beat = 0; beat < 5; beat += 1) {
      vi.advanceTimersByTime(40_000);
      FakeSocket.last.says({ type: 'ping' });
    }
    expect(snapshot.state).toBe('live');
    vi.advanceTimersByTime(45_000);
    expect(snapshot.state).toBe('waiting');
  });

  it('does not hear a connection that it has given up', () => {
    const old = FakeSocket.last;
    old.greets(1);
    old.drops();
    vi.advanceTimersByTime(1_000);
    old.says(change(2));
    old.drops();
    expect(changes).toEqual([]);
    expect(FakeSocket.opened).toHaveLength(2);
  });

  it('tries at once when asked to', () => {
    FakeSocket.last.drops();
    live.retryNow();
    expect(snapshot.state).toBe('connecting');
    vi.advanceTimersByTime(5_000);
    expect(FakeSocket.opened).toHaveLength(2);
  });
});

describe('the network', () => {
  it('going away ends the connection and the tries; coming back reconnects at once', () => {
    FakeSocket.last.greets(3);
    online = false;
    live.networkChanged();
    expect(snapshot.state).toBe('offline');
    vi.advanceTimersByTime(120_000);
    expect(FakeSocket.opened).toHaveLength(1);
    online = true;
    live.networkChanged();
    FakeSocket.last.greets(4);
    expect(snapshot.state).toBe('live');
    expect(FakeSocket.last.sent).toEqual([{ type: 'resume', since: 3 }]);
  });

  it('does not disturb a connection that is well', () => {
    FakeSocket.last.greets(3);
    live.networkChanged();
    expect(FakeSocket.opened).toHaveLength(1);
  });
});

describe('the parts', () => {
  it('jitter takes off up to half', () => {
    expect(backoffMs(2, 0)).toBe(2_000);
    expect(backoffMs(2, 0.5)).toBe(3_000);
    expect(backoffMs(400, 0)).toBe(15_000);
  });

  it.each([
    ['/ws', 'https://genes.test/genes?q=a', 'wss://genes.test/ws/genes'],
    ['/ws/', 'http://genes.test:8080/', 'ws://genes.test:8080/ws/genes'],
    ['wss://live.test/ws', 'https://genes.test/', 'wss://live.test/ws/genes'],
    ['https://live.test', 'http://genes.test/', 'wss://live.test/genes'],
  ])('%s on %s is %s', (base, page, url) => {
    expect(liveUrl(base, page)).toBe(url);
  });

  it('reads no message from what is not text', () => {
    expect(parseMessage(new ArrayBuffer(4))).toBeNull();
  });
});
