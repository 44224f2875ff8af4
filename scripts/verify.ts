import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { DescribedError } from './lib/process/errors.ts';
import { openStack } from './lib/stack/open.ts';
import { assertDockerReady } from './lib/stack/preflight.ts';
import { loadSettings } from './lib/stack/project.ts';
import type { Mode } from './lib/stack/stack.ts';
import { main } from './lib/terminal/cli.ts';
import { formatTable, paint, say, sayProgress } from './lib/terminal/report.ts';
import { judgeAll, type Result } from './lib/verify/check.ts';
import { FAMILY_TITLES, parseSkips, selectChecks } from './lib/verify/checks.ts';
import { gatherFacts } from './lib/verify/gather/stack.ts';
import { countResults, formatJunit, sayResults } from './lib/verify/report.ts';

const USAGE = `
Verifies the security of the running stack: asks the engine, the kernel inside each container, the network from every
side, nginx and the database, and compares what runs, whole, with what ought to run. Prints a line a family, and details of
what is broken or deserves a look; of every check with VERBOSE=1. Changes nothing. Exit 1 when a rule is broken.

  make prod-verify                production
  make prod-test-verify           test mode; what test mode cannot hold is left out, with the reason
  npx tsx scripts/verify.ts [--test] [--only ID,...] [--skip ID=REASON]... [--json] [--junit FILE] [--list]
                             [--facts]

  --only      these checks or families alone: container, network, secrets, http, images, database, drift
  --skip      leaves a check out; the reason is printed
  --json      the results as JSON on standard output
  --junit     writes them as JUnit XML to a file; - is standard output
  --list      every check with its rule; asks nothing
  --facts     prints what was found, before any judgement, as JSON; it holds no secret`;

function list(only: readonly string[]): void {
  const rows = selectChecks(only).map(({ id, family, title, source }) => [family, id, title, source]);
  say(formatTable([['FAMILY', 'ID', 'WHAT HOLDS', 'RULE'].map((head) => paint('bold', head)), ...rows]));
}

async function report(
  results: readonly Result[],
  tookMs: number,
  flags: { json?: boolean; junit?: string },
): Promise<void> {
  if (flags.junit === '-') process.stdout.write(formatJunit(results, tookMs));
  else if (flags.junit) {
    await mkdir(dirname(flags.junit), { recursive: true });
    await writeFile(flags.junit, formatJunit(results, tookMs));
  }
  if (flags.json) say(JSON.stringify({ counts: countResults(results), results }, undefined, 2));
  else if (flags.junit !== '-') sayResults(results, tookMs, FAMILY_TITLES);
}

main(import.meta.url, {
  usage: USAGE,
  options: {
    test: { type: 'boolean' },
    only: { type: 'string', multiple: true, default: [] },
    skip: { type: 'string', multiple: true, default: [] },
    json: { type: 'boolean' },
    junit: { type: 'string' },
    list: { type: 'boolean' },
    facts: { type: 'boolean' },
  },
  async run(flags) {
    if (flags.list) return list(flags.only);
    const checks = selectChecks(flags.only);
    const skips = parseSkips(flags.skip);
    const startedAt = Date.now();
    const mode: Mode = flags.test ? 'test' : 'production';
    // Before Docker is asked, which takes half of a second.
    const plain = flags.json || flags.facts || flags.junit === '-';
    if (!plain) say(`Verifying ${loadSettings().prefix}: ${checks.length} checks, about 15 s`);
    await assertDockerReady();
    const families = new Set(checks.map(({ family }) => family));
    const settings = await openStack();
    const facts = await gatherFacts(settings, mode, families, (waiting) =>
      sayProgress(waiting.length > 0 ? `  Waiting for: ${waiting.join('; ')}` : ''),
    );
    if (flags.facts) return say(JSON.stringify(facts, undefined, 2));
    const results = judgeAll(checks, facts, skips);
    await report(results, Date.now() - startedAt, flags);
    const { fail } = countResults(results);
    if (fail > 0) {
      throw new DescribedError(
        `${fail} of ${results.length} checks failed`,
        'fix what they say, then run this again',
      );
    }
  },
});
