import { readHistory } from './lib/release/history.ts';
import { loadSettings } from './lib/stack/project.ts';
import type { Deployment } from './lib/stack/release.ts';
import { main } from './lib/terminal/cli.ts';
import { formatDuration, formatTable, paint, say } from './lib/terminal/report.ts';

const USAGE = `
Shows who deployed what when, and how it ended; the latest last.

  make prod-history
  npx tsx scripts/history.ts [--json]`;

const COLOURS = { done: 'green', failed: 'red', interrupted: 'yellow' } as const;

function toRow({ at, who, command, from, to, outcome, seconds, reason }: Deployment): string[] {
  const databases = from && from.database !== to.database ? ` (database ${to.database})` : '';
  return [
    at.replace('T', ' ').slice(0, 19),
    who,
    command,
    from?.app ?? '-',
    `${to.app}${databases}`,
    paint(COLOURS[outcome], outcome),
    seconds === null ? '-' : formatDuration(seconds * 1000),
    reason.length > 80 ? `${reason.slice(0, 77)}...` : reason,
  ];
}

main(import.meta.url, {
  usage: USAGE,
  options: { json: { type: 'boolean' } },
  async run(flags) {
    const { prefix } = loadSettings();
    const history = readHistory(prefix);
    if (flags.json) say(JSON.stringify(history, null, 2));
    else if (history.length === 0) say(`${prefix} was never deployed from this checkout`);
    else {
      const head = ['WHEN (UTC)', 'WHO', 'COMMAND', 'FROM', 'TO', 'ENDED', 'TOOK', 'WHY'];
      const rows = [head.map((word) => paint('bold', word)), ...history.map(toRow)];
      say(formatTable(rows, { spare: ['WHO', 'FROM', 'TOOK'] }));
    }
  },
});
