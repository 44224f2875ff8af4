import { formatBytes, formatDuration, isFancy } from './report.ts';

const EVERY_MS = 200;
const WIDTH = 24;

/** A line that is rewritten on a terminal: how much, how fast, how long still. Silent elsewhere. */
export class Progress {
  private readonly label: string;
  private readonly startedAt = Date.now();
  private shownAt = 0;

  constructor(label: string) {
    this.label = label;
  }

  /** @param expected the bytes that there will be, as far as is known */
  show(bytes: number, expected?: number): void {
    const now = Date.now();
    if (!isFancy() || now - this.shownAt < EVERY_MS) return;
    this.shownAt = now;
    process.stdout.write(`\r\u001b[2K  ${formatProgress(this.label, bytes, expected, now - this.startedAt)}`);
  }

  /** Wipes the line. */
  end(): void {
    if (this.shownAt > 0) process.stdout.write('\r\u001b[2K');
  }
}

/** One line of progress. */
export function formatProgress(
  label: string,
  bytes: number,
  expected: number | undefined,
  elapsedMs: number,
): string {
  const rate = bytes / Math.max(elapsedMs / 1000, 0.001);
  const speed = `${formatBytes(rate)}/s`;
  if (!expected) return `${label}  ${formatBytes(bytes)}  ${speed}  ${formatDuration(elapsedMs)}`;
  const share = Math.min(1, bytes / expected);
  const bar = '█'.repeat(Math.round(share * WIDTH)).padEnd(WIDTH, '░');
  const left =
    share < 1 ? `${formatDuration(((expected - bytes) / Math.max(rate, 1)) * 1000)} left` : 'nearly done';
  return `${label}  ${bar}  ${formatBytes(bytes)} of ${formatBytes(expected)}  ${speed}  ${left}`;
}
