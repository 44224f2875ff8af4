import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { measureBackup } from './bench/backup.ts';
import { measureColdStart } from './bench/cold-start.ts';
import { measureCommands } from './bench/commands.ts';
import { measureImages } from './bench/images.ts';
import { drawChart, HEAD, toCells } from './bench/lib/format.ts';
import { describeMachine } from './bench/lib/machine.ts';
import { judge, type Row } from './bench/lib/measure.ts';
import { type Result, type Section, writePage } from './bench/lib/page.ts';
import { measureServing } from './bench/serving.ts';
import { main } from './lib/cli.ts';
import { DescribedError, Exit } from './lib/errors.ts';
import { assertDockerReady } from './lib/preflight.ts';
import { ROOT } from './lib/project.ts';
import { formatTable, paint, say, sayOk } from './lib/report.ts';
import { run } from './lib/shell.ts';
import { installTools } from './lib/test-tools.ts';

const USAGE = `
Measures this kit beside what an operator would use instead, on this machine, by turns, under the same limits. Works on
stacks of its own; exit 1 when a goal is missed. Takes about five minutes.

  make bench                      WRITE=1 writes docs/performance.md and docs/performance.json
  npx tsx scripts/bench.ts [--only NAME] [--runs N] [--json] [--write]

  --only    one of: serving, commands, cold-start, backup, images
  --runs    how often each side is measured; 5 unless said
  --json    print the figures as JSON
  --write   write the page with the figures`;

interface Bench {
  about: string;
  measure: (runs: number) => Promise<Row[]>;
}

/** What is measured, by name, in the order of the report. */
const BENCHES: Readonly<Record<string, Bench>> = {
  serving: {
    about:
      'Our nginx beside the nginx section of the specification as it is written (literal `proxy_pass`, gzip while serving), on ' +
      'the same base image, with the same limits, files and backend. The load is wrk with keep-alive connections.',
    measure: measureServing,
  },
  commands: {
    about:
      'Our commands beside the bare ones of Compose, on the same stack, files and images. Ours also check the host, the ' +
      'names and the configuration. `prod-restart` waits until all are healthy; the bare restart returns before, so there is ' +
      'a second row that waits for both.',
    measure: measureCommands,
  },
  'cold-start': {
    about:
      'From no container and no data until all are healthy, beside what the slowest service needs when it starts alone. The ' +
      'backend starts when the database is healthy and then fills it, so that their times add up.',
    measure: measureColdStart,
  },
  backup: {
    about:
      'A backup with its manifest, row counts and proofs beside a bare dump with the same compression, both synced to the disk.',
    measure: measureBackup,
  },
  images: { about: 'What is built, and how long that takes again after an edit.', measure: measureImages },
};

function chooseBenches(only: string | undefined): [string, Bench][] {
  const chosen = Object.entries(BENCHES).filter(([name]) => !only || name === only);
  if (chosen.length > 0) return chosen;
  throw new DescribedError(
    `There is no bench ${only}`,
    `one of: ${Object.keys(BENCHES).join(', ')}`,
    Exit.usage,
  );
}

function showSection({ name, rows }: Section): void {
  say(paint('bold', `\n── ${name}`));
  const marks = { '✔': 'green', '✘': 'red' } as const;
  const cells = rows.map((row) =>
    toCells(row).map((cell) => (cell === '✔' || cell === '✘' ? paint(marks[cell], cell) : cell)),
  );
  say(formatTable([HEAD.map((word) => paint('bold', word)), ...cells]));
}

async function readRevision(): Promise<string> {
  const { stdout } = await run(['git', 'describe', '--always', '--dirty', '--abbrev=12'], { cwd: ROOT });
  return stdout.trim() || 'unknown';
}

await main(import.meta.url, {
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
