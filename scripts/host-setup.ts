import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { runApt } from './lib/host/apt.ts';
import { ENGINE_LOG, startEngine } from './lib/host/engine.ts';
import { collectHostFacts } from './lib/host/host-facts.ts';
import { type Check, checkHost, isRefusal, planHost, type Step } from './lib/host/host-plan.ts';
import { beginChanges } from './lib/process/changes.ts';
import { DescribedError, Exit } from './lib/process/errors.ts';
import { waitForLock } from './lib/process/lock.ts';
import { main } from './lib/terminal/cli.ts';
import { formatDuration, formatTable, paint, say, sayOk } from './lib/terminal/report.ts';

const USAGE = `
Makes this host ready: Docker Engine with Compose and buildx, and make. Changes nothing where all is there.

  make host-setup
  npx tsx scripts/host-setup.ts [--check] [--json]

  --check   look only; exit 3 when something is missing
  --json    print what was found as JSON`;

/** @returns what was done, one line each */
async function setUp(): Promise<string[]> {
  await waitForLock('kidney-genetics-host-setup', 'make host-setup', say);
  const plan = planHost(await collectHostFacts());
  if (isRefusal(plan)) throw new DescribedError(plan.cause, plan.hint, Exit.missing);
  beginChanges('host-setup');
  for (const step of plan) {
    process.stderr.write(`  ${describe(step)}\n`);
    await perform(step);
  }
  return plan.map(describe);
}

async function perform(step: Step): Promise<void> {
  if (step.kind === 'run') return runApt(step.argv);
  if (step.kind === 'start-engine') return startEngine(step.by);
  mkdirSync(dirname(step.path), { recursive: true });
  writeFileSync(step.path, step.content, { mode: 0o644 });
}

function describe(step: Step): string {
  if (step.kind === 'write') return `writing ${step.path}`;
  if (step.kind === 'run') return step.argv.join(' ');
  return step.by === 'systemd'
    ? 'starting the engine: systemctl enable --now docker'
    : `starting the engine; its log: ${ENGINE_LOG}`;
}

const isReady = (checks: readonly Check[]) => checks.every(({ ok }) => ok);

function reportChecks(checks: readonly Check[]): void {
  const rows = checks.map(({ name, found, needs, ok }) => [
    ok ? paint('green', '✔') : paint('red', '✘'),
    name,
    found,
    needs === 'any' ? '' : `${needs} or newer`,
  ]);
  say(formatTable([['', 'NAME', 'FOUND', 'NEEDED'], ...rows]));
}

main(import.meta.url, {
  usage: USAGE,
  options: { check: { type: 'boolean' }, json: { type: 'boolean' } },
  async run(flags) {
    const startedAt = Date.now();
    const before = checkHost(await collectHostFacts());
    const asItIs = flags.check || isReady(before);
    const done = asItIs ? [] : await setUp();
    const checks = asItIs ? before : checkHost(await collectHostFacts());
    const ready = isReady(checks);
    if (flags.json) say(JSON.stringify({ ready, checks, done }, undefined, 2));
    else if (flags.check || !ready) reportChecks(checks);
    if (!ready) {
      const names = checks
        .filter(({ ok }) => !ok)
        .map(({ name, found, needs }) => `${name} is ${found}, needed: ${needs}`);
      const hint = flags.check
        ? 'make host-setup'
        : 'this distribution has nothing newer: https://docs.docker.com/engine/install/';
      throw new DescribedError(`The host is not ready: ${names.join('; ')}`, hint, Exit.missing);
    }
    if (flags.json || flags.check) return;
    const versions = checks.map(({ name, found }) => `${name} ${found}`).join(', ');
    const what = done.length > 0 ? 'The host is ready' : 'The host is ready; nothing was changed';
    sayOk(`${what} (${formatDuration(Date.now() - startedAt)}): ${versions}`);
  },
});
