/** What a user asks for: the page from nginx, a search or an edit from the API. */
export type AskedKind = 'page' | 'search' | 'edit';

/** One request and what came of it. */
export interface Asked {
  kind: AskedKind;
  /** When it was sent, and how long it took; milliseconds. */
  at: number;
  ms: number;
  /** 0 without an answer. */
  status: number;
  /** Why there was no answer, such as ECONNRESET. */
  why?: string;
  /** What an acknowledged edit wrote. */
  edit?: { symbol: string; name: string; seq: number };
}

/** What users saw of a fault. */
export interface View {
  asked: number;
  failed: number;
  /** From the first failed request's start to the last one's end. */
  downMs: number;
  slowestMs: number;
  /** How often each status, or reason for having none, came. */
  failures: Record<string, number>;
}

/** Slower than this is worth telling. */
const SLOW_MS = 1000;

/** Sums up the requests of one kind. */
export function viewOf(asked: readonly Asked[], kind: AskedKind): View {
  const mine = asked.filter((one) => one.kind === kind);
  const failed = mine.filter((one) => !isGood(one));
  const failures: Record<string, number> = {};
  for (const { status, why } of failed) {
    const word = status ? String(status) : (why ?? 'no answer');
    failures[word] = (failures[word] ?? 0) + 1;
  }
  const begin = Math.min(...failed.map(({ at }) => at));
  const end = Math.max(...failed.map(({ at, ms }) => at + ms));
  return {
    asked: mine.length,
    failed: failed.length,
    downMs: failed.length > 0 ? end - begin : 0,
    slowestMs: Math.max(0, ...mine.filter(isGood).map(({ ms }) => ms)),
    failures,
  };
}

/** Whether the user got what was asked for. */
export function isGood({ status }: Asked): boolean {
  return status >= 200 && status < 300;
}

/** One cell of the table: `nothing`, or how much failed, how, and for how long. */
export function describeView({ asked, failed, downMs, slowestMs, failures }: View): string {
  const slow = slowestMs >= SLOW_MS ? `slowest answer ${seconds(slowestMs)}` : '';
  if (failed === 0) return slow || 'nothing';
  const how = Object.entries(failures)
    .sort((a, b) => b[1] - a[1])
    .map(([word, times]) => `${times} × ${word}`)
    .join(', ');
  const share = `${failed} of ${asked} failed within ${seconds(downMs)} (${how})`;
  return slow ? `${share}; ${slow}` : share;
}

/** Milliseconds as `1.2 s`. */
function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
