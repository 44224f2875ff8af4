import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../../lib/process/root.ts';
import { mustRun, type RunResult, run } from '../../lib/process/shell.ts';
import type { TestStack } from './harness.ts';

const HINT = 'see the output above';

/** A checkout as a host has it that deploys releases of a registry: no sources of the application; make brings the run-time packages. */
export class HostCheckout {
  readonly folder: string;
  private readonly stack: TestStack;

  private constructor(stack: TestStack) {
    this.stack = stack;
    this.folder = join(stack.tmp, 'checkout');
  }

  /** Copies this checkout's files, as they are now, for a stack that is worked from there alone. */
  static async make(stack: TestStack): Promise<HostCheckout> {
    const checkout = new HostCheckout(stack);
    const listed = await mustRun(['git', 'ls-files', '-z'], HINT, { cwd: ROOT });
    const files = listed.split('\0').filter((path) => path && !/^(backend|frontend)\//.test(path));
    const [list, tar] = ['checkout.list', 'checkout.tar'].map((name) => join(stack.tmp, name)) as [
      string,
      string,
    ];
    writeFileSync(list, files.join('\0'));
    mkdirSync(checkout.folder);
    await mustRun(['tar', '--create', '--file', tar, '--null', '--files-from', list], HINT, { cwd: ROOT });
    await mustRun(['tar', '--extract', '--file', tar, '--directory', checkout.folder], HINT);
    return checkout;
  }

  /** Runs a target as an operator does. */
  run(...words: string[]): Promise<RunResult> {
    return run(['make', ...words], { cwd: this.folder, env: this.stack.env, timeoutMs: 300_000 });
  }

  /** Runs a target that has to succeed, and gives what it printed. */
  async must(...words: string[]): Promise<string> {
    const { exitCode, stdout, stderr } = await this.run(...words);
    if (exitCode === 0) return stdout;
    throw new Error(`make ${words.join(' ')} (exit ${exitCode}):\n${stdout}${stderr}`);
  }

  /** What the stack remembers in a file of its state; empty without one. */
  readState(name: string): string {
    try {
      return readFileSync(join(this.folder, 'deploy/state', this.stack.settings.prefix, name), 'utf8');
    } catch {
      return '';
    }
  }
}
