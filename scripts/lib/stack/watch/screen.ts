/** The terminal's second screen: what stood on the first comes back at its end, at the latest when this process ends. */
export class Screen {
  private open = true;

  constructor() {
    process.stdout.write('\u001b[?1049h\u001b[?25l');
    process.once('exit', () => this.close());
  }

  close(): void {
    if (this.open) process.stdout.write('\u001b[?25h\u001b[?1049l');
    this.open = false;
  }

  /** Redraws in place, without flicker; what does not fit is cut off. */
  show(lines: readonly string[]): void {
    const fitting = lines.slice(0, (process.stdout.rows || 24) - 1);
    // No wrapping meanwhile: a long line would push the others down.
    const text = fitting.map((line) => `${line}\u001b[K`).join('\r\n');
    process.stdout.write(`\u001b[?7l\u001b[H${text}\u001b[J\u001b[?7h`);
  }
}

/** Calls back when one of the keys is pressed, until this process ends. */
export function onKey(keys: readonly string[], act: () => void): void {
  if (!process.stdin.isTTY) return;
  process.stdin.setRawMode(true);
  process.once('exit', () => process.stdin.setRawMode(false));
  process.stdin.setEncoding('utf8').on('data', (key) => {
    if (!keys.includes(String(key))) return;
    process.stdin.pause();
    act();
  });
}
