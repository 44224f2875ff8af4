/** What nginx answered in a while. */
export interface Traffic {
  perSecond: number;
  /** Answers of 500 and above: what users saw as broken. */
  errorsPerSecond: number;
  /** Seconds within which 95 of 100 answers were given; 0 without any. WebSockets stay open and are left out. */
  p95: number;
}

/** What the API says of itself; undefined where it does not answer. */
export interface Vitals {
  webSockets: number;
  connections: number;
  maxConnections: number;
}

interface AccessLine {
  time: string;
  status: number;
  seconds: number;
}

/**
 * Sums up lines of nginx's access log.
 * @param log JSON lines; others are left out
 * @param since the moment that the while began, which lasted `lastedMs`
 */
export function sumTraffic(log: string, since: number, lastedMs: number): Traffic {
  const lines = log
    .split('\n')
    .map(parseLine)
    .filter((line) => line !== undefined && Date.parse(line.time) >= since - 1000) as AccessLine[];
  const times = lines
    .filter(({ status }) => status !== 101)
    .map(({ seconds }) => seconds)
    .sort((a, b) => a - b);
  const perSecond = (count: number) => (lastedMs > 0 ? (count * 1000) / lastedMs : 0);
  return {
    perSecond: perSecond(lines.length),
    errorsPerSecond: perSecond(lines.filter(({ status }) => status >= 500).length),
    p95: times[Math.ceil(times.length * 0.95) - 1] ?? 0,
  };
}

function parseLine(line: string): AccessLine | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    const parsed = JSON.parse(line) as Partial<AccessLine>;
    return typeof parsed.status === 'number' ? (parsed as AccessLine) : undefined;
  } catch {
    // Cut off in the middle.
    return undefined;
  }
}

/** Reads the numbers that are watched from Prometheus's text format; undefined when they are not there. */
export function readVitals(metrics: string): Vitals | undefined {
  const value = (name: string) => {
    const found = new RegExp(`^${name} (\\S+)$`, 'm').exec(metrics)?.[1];
    return found === undefined ? undefined : Number(found);
  };
  const webSockets = value('websocket_clients');
  if (webSockets === undefined) return undefined;
  return {
    webSockets,
    connections: value('database_pool_connections') ?? 0,
    maxConnections: value('database_pool_max') ?? 0,
  };
}

const BARS = '▁▂▃▄▅▆▇█';

/** Numbers as bars, the largest the highest; a blank for none. A single one is no picture. */
export function drawBars(values: readonly number[]): string {
  if (values.length < 2) return '';
  const top = Math.max(...values, 1e-9);
  const bar = (value: number) =>
    value <= 0 ? ' ' : (BARS[Math.min(BARS.length - 1, Math.floor((value / top) * BARS.length))] ?? ' ');
  return values.map(bar).join('');
}
