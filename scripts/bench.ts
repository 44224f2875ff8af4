import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { drawChart, HEAD, toCells } from './bench/lib/format.ts';
import { describeMachine } from './bench/lib/machine.ts';
import { judge } from './bench/lib/measure.ts';
import { type Result, type Section, writePage } from './bench/lib/page.ts';
import { chooseBenches } from './bench/registry.ts';
import { installTools } from './lib/host/test-tools.ts';
import { DescribedError, Exit } from './lib/process/errors.ts';
import { ROOT } from './lib/process/root.ts';
import { $ } from './lib/process/shell.ts';
import { assertDockerReady } from './lib/stack/preflight.ts';
import { main } from './lib/terminal/cli.ts';
import { formatTable, paint, say, sayOk } from './lib/terminal/report.ts';

const USAGE = `
Measures this kit beside what an operator would use instead, on this machine, by turns, under the same limits. Works on
stacks of its own; exit 1 when a goal is missed. Takes about a quarter of an hour.

  make bench                      WRITE=1 writes docs/performance.md and docs/performance.json
  npx tsx scripts/bench.ts [--only NAME] [--runs N] [--json] [--write]

  --only    one of: commands, cold-start, serving, update, backup, search, worst, registry, images
  --runs    how often each side is measured; 5 unless said
  --json    print the figures as JSON
  --write   write the page with the figures`;

function showSection({ name, rows }: Section): void {
  say(paint('bold', `\n── ${name}`));
  const marks = { '✔': 'green', '✘': 'red' } as const;
  const cells = rows.map((row) =>
    toCells(row).map((cell) => (cell === '✔' || cell === '✘' ? paint(marks[cell], cell) : cell)),
  );
  say(formatTable([HEAD.map((word) => paint('bold', word)), ...cells]));
}

async function readRevision(): Promise<string> {
  const { stdout } = await $({ cwd: ROOT, nothrow: true })`git describe --always --dirty --abbrev=12`;
  return stdout.trim() || 'unknown';
}

main(import.meta.url, {
  usage: USAGE,
  options: {
    only: { type: 'string' },
    runs: { type: 'string', default: '5' },
    json: { type: 'boolean' },
    write: { type: 'boolean' },
  },
  async run(flags) {
    const benches = chooseBenches(flags.only);
    const runs = Number(flags.runs);
    if (!Number.isInteger(runs) || runs < 1)
      throw new DescribedError('--runs takes a whole number', 'see --help', Exit.usage);
    await assertDockerReady();
    await installTools(['wrk'], 'the benchmarks');
    const sections: Section[] = [];
    for (const [name, { about, measure }] of benches) {
      const section = { name, about, rows: await measure(runs) };
      if (!flags.json) showSection(section);
      sections.push(section);
    }
    const result: Result = {
      date: new Date().toISOString(),
      revision: await readRevision(),
      runs,
      machine: await describeMachine(),
      sections,
    };
    const rows = sections.flatMap((section) => section.rows);
    if (flags.json) say(JSON.stringify(result, undefined, 2));
    else say(`\n${drawChart(rows)}\n`);
    if (flags.write) {
      await writeFile(join(ROOT, 'docs/performance.md'), writePage(result));
      await writeFile(join(ROOT, 'docs/performance.json'), `${JSON.stringify(result, undefined, 2)}\n`);
    }
    const missed = rows.filter((row) => judge(row).passed === false);
    const goals = rows.filter((row) => row.goal).length;
    if (missed.length > 0) {
      throw new DescribedError(
        `${missed.length} of ${goals} goals missed: ${missed.map(({ what }) => what).join('; ')}`,
        'on a machine that does other work at the same time figures mean little: measure again when it is idle',
      );
    }
    if (!flags.json) sayOk(`${goals} of ${goals} goals reached`);
  },
});
