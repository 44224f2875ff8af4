import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { DescribedError } from './lib/process/errors.ts';
import { interruptAll } from './lib/process/shell.ts';
import { openStack } from './lib/stack/open.ts';
import { assertDockerReady } from './lib/stack/preflight.ts';
import { drawFrame, summarize, toJson } from './lib/stack/watch/frame.ts';
import { onKey, Screen } from './lib/stack/watch/screen.ts';
import { type Moment, observe } from './lib/stack/watch/vitals.ts';
import { main, toMs } from './lib/terminal/cli.ts';
import { isFancy, paint, say } from './lib/terminal/report.ts';

const USAGE = `
Shows the live state of the stack: health, CPU and memory of each container, requests and errors a second, WebSocket
clients. On a terminal it redraws in place, elsewhere it prints a line each time. q or Ctrl-C ends it.

  make prod-watch
  npx tsx scripts/watch.ts [--interval SECONDS] [--once] [--json]

  --interval   seconds between two looks; 2 unless said
  --once       look once, at the last 10 seconds
  --json       one JSON object a look`;

const FIRST_LOOK_MS = 10_000;
const BARS = 60;

main(import.meta.url, {
  usage: USAGE,
  endsWithReader: true,
  options: {
    interval: { type: 'string', default: '2' },
    once: { type: 'boolean' },
    json: { type: 'boolean' },
  },
  async run(flags) {
    const intervalMs = toMs('--interval', flags.interval);
    const settings = await openStack();
    await assertDockerReady();
    let moment = await observe(settings, Date.now() - FIRST_LOOK_MS);
    if (moment.containers.length === 0)
      throw new DescribedError(`${settings.prefix} is not up`, 'make prod-up');
    const fancy = isFancy() && !flags.once && !flags.json;
    const screen = fancy ? new Screen() : undefined;
    const ending = new AbortController();
    const ended = once(ending.signal, 'abort').then(() => undefined);
    if (fancy) onKey(['q', '\u0003'], () => ending.abort());
    const past: Moment[] = [];
    try {
      for (;;) {
        past.push(moment);
        if (past.length > BARS) past.shift();
        const title = `${paint('bold', settings.prefix)}  ${moment.at.toTimeString().slice(0, 8)}  (q ends)`;
        if (screen) screen.show([title, '', ...drawFrame(moment, past)]);
        else if (flags.json) say(toJson(moment));
        else say(flags.once ? drawFrame(moment, past).join('\n').trimEnd() : summarize(moment));
        if (flags.once) return;
        const since = moment.at.getTime();
        const pause = sleep(Math.max(0, since + intervalMs - Date.now()), undefined, {
          signal: ending.signal,
        });
        const next = pause.then(
          () => observe(settings, since),
          () => undefined,
        );
        const seen = await Promise.race([next, ended]);
        if (!seen) break;
        moment = seen;
      }
    } finally {
      screen?.close();
      process.stdin.pause();
    }
    await interruptAll();
  },
});
