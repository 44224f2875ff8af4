import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DescribedError, Exit } from './lib/process/errors.ts';
import { ROOT } from './lib/process/root.ts';
import { $, whenInterrupted } from './lib/process/shell.ts';
import { assertDockerReady } from './lib/stack/preflight.ts';
import { main } from './lib/terminal/cli.ts';
import { formatTable, say, sayFailure, sayOk } from './lib/terminal/report.ts';
import { planEngineFaults } from './test/faults/engine.ts';
import { FAULTS } from './test/faults/faults.ts';
import { type Outcome, runFault } from './test/faults/run.ts';
import { FaultStage } from './test/faults/stage.ts';
import { formatMarkdown, toRows } from './test/faults/table.ts';

const BUSY_MINUTES = '10';

const USAGE = `
Brings one fault after the other about on a stack of its own, while users ask it all the time, and writes what they saw
into docs/reliability.md. Takes about twenty minutes and leaves a running stack alone.

  make fault-report
  make fault-report ENGINE=1      restarts the engine of this host as well, and with it every container of other apps;
                                  where systemd does not run it, once more with live-restore, which is off again afterwards
  npx tsx scripts/fault-report.ts [--engine] [--only PATTERN] [--busy MINUTES] [--output FILE]

  --busy     how long every CPU of the host is kept busy, to see that nothing is restarted for it; ${BUSY_MINUTES} unless said
  --only     the faults whose title matches; the table is then printed, not written`;

const SIZE = { pauseMs: 30_000, floodBytes: 500e6 };
const MARKS = /(<!-- table -->\n)[\s\S]*(<!-- end of table -->)/;

async function describeHost(): Promise<string> {
  const format = '{{.NCPU}} CPUs, Docker Engine {{.ServerVersion}}';
  const { stdout } = await $({ nothrow: true })`docker info --format ${format}`;
  return `Made on ${new Date().toISOString().slice(0, 10)} on a host with ${stdout.trim()}.`;
}

function readMinutes(text: string): number {
  if (/^\d{1,2}(\.\d+)?$/.test(text)) return Number(text);
  throw new DescribedError('--busy takes minutes', 'see --help', Exit.usage);
}

main(import.meta.url, {
  usage: USAGE,
  options: {
    engine: { type: 'boolean' },
    only: { type: 'string', default: '' },
    busy: { type: 'string', default: BUSY_MINUTES },
    output: { type: 'string', default: 'docs/reliability.md' },
  },
  async run(flags) {
    await assertDockerReady();
    if (process.getuid?.() !== 0) {
      throw new DescribedError('Faults are brought about by root', 'sudo make fault-report', Exit.missing);
    }
    const size = { ...SIZE, busyMs: readMinutes(flags.busy) * 60_000 };
    const engine = flags.engine ? await planEngineFaults() : undefined;
    const faults = [...FAULTS, ...(engine?.faults ?? [])];
    const wanted = faults.filter(({ title }) => new RegExp(flags.only, 'i').test(title));
    whenInterrupted(async () => engine?.putBack());
    const stage = await FaultStage.start('faults');
    const outcomes: Outcome[] = [];
    const failed: string[] = [];
    try {
      for (const fault of wanted) {
        say(`  ${fault.title}`);
        await runFault(stage, fault, size).then(
          (outcome) => outcomes.push(outcome),
          (error: Error) => {
            failed.push(fault.title);
            sayFailure(`${fault.title}: ${error.message}`, '');
          },
        );
      }
    } finally {
      await stage.dispose();
      await engine?.putBack();
    }
    const rows = toRows(outcomes);
    if (flags.only) say(formatTable(rows));
    else {
      const path = join(ROOT, flags.output);
      const text = readFileSync(path, 'utf8');
      writeFileSync(
        path,
        text.replace(MARKS, `$1\n${await describeHost()}\n\n${formatMarkdown(rows)}\n\n$2`),
      );
    }
    if (outcomes.length + failed.length === 0)
      throw new DescribedError(`No fault is called ${flags.only}`, 'see --help', Exit.usage);
    if (failed.length > 0)
      throw new DescribedError(`Not tried to their end: ${failed.join('; ')}`, 'see above');
    const lost = outcomes.flatMap((outcome) => outcome.lost);
    if (lost.length > 0)
      throw new DescribedError(`${lost.length} acknowledged edits were lost`, `see ${flags.output}`);
    const place = flags.only ? '' : `: ${flags.output}`;
    sayOk(`${outcomes.length} faults, all healed by themselves, no acknowledged edit lost${place}`);
  },
});
