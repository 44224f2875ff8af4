// The users in update.e2e.ts; Node 24 runs it as it is, in a container on the proxy's network. It asks and writes at a
// steady rate whatever the answers, keeps WebSockets open as the page does, and on SIGTERM prints what they met.
import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

const { TARGET = '', TOKEN = '' } = process.env;
const [rate, writes, sockets] = [process.env.RATE, process.env.WRITES, process.env.SOCKETS].map(Number);
const PATHS = [
  '/',
  '/api/health',
  '/api/v1/genes?q=PKD1',
  '/api/v1/genes/PKD2',
  '/api/v1/genes?q=kidney',
  '/health',
];
const TIMEOUT_MS = 20_000;
/** More requests at once would only show how busy the machine is. */
const MAX_WAITING = 40;
const SLOW_MS = 150;

interface Failure {
  what: string;
  outcome: string;
  /** Seconds since the beginning. */
  at: number;
  ms: number;
}

interface Message {
  type: string;
  seq: number;
}

const startedAt = performance.now();
const since = (): number => Math.round((performance.now() - startedAt) / 10) / 100;
const failures: Failure[] = [];
const slow: Failure[] = [];
const durations: number[] = [];
const ledger: number[] = [];
const closeCodes = new Map<string, number>();
const awayMs: number[] = [];
let resyncs = 0;
let open = 0;
let running = true;
const agent = new Agent({ keepAlive: true, maxSockets: 512 });

function ask(method: string, path: string, body?: string): Promise<void> {
  return new Promise((resolve) => {
    const asked = performance.now();
    const end = (outcome: string): void => {
      const ms = Math.round(performance.now() - asked);
      const entry = { what: `${method} ${path}`, outcome, at: since(), ms };
      durations.push(ms);
      if (outcome !== 'ok') failures.push(entry);
      else if (ms > 1500) slow.push(entry);
      resolve();
    };
    const headers = body
      ? {
          'content-type': 'application/json',
          authorization: `Bearer ${TOKEN}`,
          'content-length': body.length,
        }
      : {};
    const sent = request(`${TARGET}${path}`, { method, agent, headers: { host: 'localhost', ...headers } });
    sent.setTimeout(TIMEOUT_MS, () => sent.destroy(new Error('no answer')));
    sent.on('error', (error) => end(error.message));
    sent.on('response', async (response) => {
      try {
        let text = '';
        for await (const chunk of response) text += String(chunk);
        if (response.statusCode !== 200) return end(`${response.statusCode} ${text.slice(0, 40)}`);
        if (body) ledger.push((JSON.parse(text) as { seq: number }).seq);
        end('ok');
      } catch (error) {
        end(`cut off: ${(error as Error).message}`);
      }
    });
    sent.end(body);
  });
}

/** The share of the wanted rate that is asked for: less while a machine that is busy with other things answers slowly. */
let pace = 1;
let slowestPace = 1;
let counted = 0;
setInterval(() => {
  const recent = durations.slice(counted);
  counted = durations.length;
  const mean = recent.reduce((sum, ms) => sum + ms, 0) / Math.max(1, recent.length);
  pace = mean > SLOW_MS ? Math.max(0.1, pace * 0.6) : Math.min(1, pace + 0.1);
  slowestPace = Math.min(slowestPace, pace);
}, 500).unref();

/** Calls `work` so many times a second, without waiting for it. */
async function steadily(perSecond: number, work: (index: number) => Promise<void>): Promise<Promise<void>[]> {
  const begun: Promise<void>[] = [];
  let due = 0;
  let waiting = 0;
  for (let last = performance.now(); running; await sleep(20)) {
    const now = performance.now();
    due = Math.min(due + ((now - last) / 1000) * perSecond * pace, MAX_WAITING);
    last = now;
    for (; due >= 1 && waiting < MAX_WAITING; due -= 1) {
      waiting += 1;
      begun.push(
        work(begun.length).finally(() => {
          waiting -= 1;
        }),
      );
    }
  }
  return begun;
}

/** One page: it comes back after a close, and says what it knows already. */
class Page {
  readonly seen = new Set<number>();
  first = 0;
  private known: number | null = null;
  private closedAt = 0;
  private readonly url: string;

  constructor(index: number) {
    this.url = `${TARGET.replace('http', 'ws')}/ws/genes?client=${(index % 200) + 1}`;
  }

  connect(): void {
    const socket = new WebSocket(this.url);
    socket.onmessage = ({ data }) => this.hear(socket, JSON.parse(String(data)) as Message);
    socket.onclose = ({ code, reason }) => {
      if (this.closedAt === 0) {
        this.closedAt = performance.now();
        if (this.known !== null) open -= 1;
      }
      const key = `${code} ${reason}`.trim();
      closeCodes.set(key, (closeCodes.get(key) ?? 0) + 1);
      // As the page waits: a second of which a random half is taken off.
      if (running) setTimeout(() => this.connect(), 500 + Math.random() * 500);
    };
  }

  private hear(socket: WebSocket, message: Message): void {
    if (message.type === 'ping') socket.send('{"type":"pong"}');
    if (message.type === 'resync') resyncs += 1;
    if (message.type === 'change') {
      this.seen.add(message.seq);
      this.known = message.seq;
    }
    if (message.type !== 'hello') return;
    if (this.closedAt > 0) awayMs.push(Math.round(performance.now() - this.closedAt));
    this.closedAt = 0;
    open += 1;
    if (this.known === null) {
      this.first = message.seq;
      this.known = message.seq;
    } else socket.send(JSON.stringify({ type: 'resume', since: this.known }));
  }
}

/** What went wrong how often, and when: the first ten seconds of each. */
function groupFailures(): Record<string, { count: number; at: number[] }> {
  const groups: Record<string, { count: number; at: number[] }> = {};
  for (const { what, outcome, at } of failures) {
    const key = `${what.split(' ')[0]} ${outcome}`;
    const { count, at: before } = groups[key] ?? { count: 0, at: [] };
    groups[key] = { count: count + 1, at: [...before, at].slice(0, 10) };
  }
  return groups;
}

const pages = Array.from({ length: sockets ?? 0 }, (_, index) => new Page(index));
for (const page of pages) {
  page.connect();
  await sleep(5);
}
const reading = steadily(rate ?? 0, (index) => ask('GET', PATHS[index % PATHS.length] ?? '/'));
const writing = steadily(writes ?? 0, (index) =>
  ask('PATCH', '/api/v1/genes/PKD1', JSON.stringify({ name: `polycystin 1, edit ${index}` })),
);
console.log('running');
await new Promise((resolve) => process.on('SIGTERM', resolve));
running = false;
await Promise.all([...(await reading), ...(await writing)]);
// Whoever is on the way back has arrived by then, and has been told what it missed.
await sleep(6000);
const missed = pages.map(({ seen, first }) => ledger.filter((seq) => seq > first && !seen.has(seq)).length);
durations.sort((a, b) => a - b);
const percentile = (share: number): number => durations[Math.floor(share * (durations.length - 1))] ?? 0;
const report = {
  requests: durations.length,
  failed: failures.length,
  outcomes: groupFailures(),
  slowestPace,
  slow: slow.length,
  slowest: slow.sort((a, b) => b.ms - a.ms).slice(0, 10),
  p50: percentile(0.5),
  p99: percentile(0.99),
  max: percentile(1),
  writes: ledger.length,
  sockets: pages.length,
  open,
  closes: Object.fromEntries(closeCodes),
  cameBack: awayMs.length,
  longestAwayMs: Math.max(0, ...awayMs),
  resyncs,
  missed: missed.reduce((sum, count) => sum + count, 0),
};
console.log(JSON.stringify(report));
process.exit(0);
