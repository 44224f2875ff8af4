import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import { ROOT } from '../lib/process/root.ts';
import { run } from '../lib/process/shell.ts';

const FOLDER = join(ROOT, '.github/workflows');
const TOP = ['name', 'on', 'permissions', 'concurrency', 'jobs'];
const JOB = [
  ...['name', 'needs', 'if', 'runs-on', 'timeout-minutes', 'permissions', 'env'],
  ...['strategy', 'outputs', 'environment', 'steps'],
];
const STEP = ['name', 'id', 'if', 'uses', 'with', 'run', 'env', 'timeout-minutes', 'continue-on-error'];

type Step = Record<string, string>;
interface Job {
  steps: Step[];
}

for (const name of readdirSync(FOLDER)) {
  describe(`the workflow ${name}`, () => {
    const workflow = parse(readFileSync(join(FOLDER, name), 'utf8')) as { jobs: Record<string, Job> };
    const jobs = Object.values(workflow.jobs);
    const steps = jobs.flatMap((job) => job.steps);
    const others = (value: object, known: readonly string[]) =>
      Object.keys(value).filter((key) => !known.includes(key));

    it('has no key that GitHub does not know', () => {
      assert.deepEqual(others(workflow, TOP), []);
      assert.deepEqual(
        jobs.flatMap((job) => others(job, JOB)),
        [],
      );
      assert.deepEqual(
        steps.flatMap((step) => others(step, STEP)),
        [],
      );
    });

    it('each job has a runner and a limit, each step runs one thing', () => {
      for (const job of jobs)
        assert.ok('runs-on' in job && 'timeout-minutes' in job && job.steps.length > 0, JSON.stringify(job));
      for (const step of steps) assert.notEqual('run' in step, 'uses' in step, JSON.stringify(step));
    });

    it('actions of others are pinned by commit', () => {
      for (const { uses } of steps) if (uses) assert.match(uses, /^[\w-]+\/[\w/-]+@[0-9a-f]{40}$/);
    });

    it('what its steps run is shell that sh understands', async () => {
      for (const { run: text } of steps) {
        if (!text) continue;
        // GitHub puts its expressions in before the shell reads them.
        const { exitCode, stderr } = await run(['bash', '-n', '-c', text.replace(/\$\{\{.*?\}\}/g, 'x')]);
        assert.equal(exitCode, 0, stderr);
      }
    });
  });
}
