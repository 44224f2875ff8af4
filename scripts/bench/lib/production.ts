import { ROOT } from '../../lib/process/root.ts';
import { mustRun } from '../../lib/process/shell.ts';
import { prepareCompose } from '../../lib/release/compose.ts';
import { findDeployedRelease } from '../../lib/release/releases.ts';
import type { Environment } from '../../lib/stack/compose-env.ts';
import { loadEnvFile } from '../../lib/stack/env-file.ts';
import { composeArgv } from '../../lib/stack/stack.ts';
import type { TestStack } from '../../test/e2e/harness.ts';
import { withStack } from './own-stack.ts';

const HINT = 'make bench';

/** A stack in production mode, worked by this kit's commands and by the bare ones of Compose on the same files. */
export class ProductionStack {
  readonly stack: TestStack;
  private composeEnv: Environment | undefined;

  private constructor(stack: TestStack) {
    this.stack = stack;
  }

  /** Prepares a stack; starts nothing. Whatever happens to `use`, it is gone afterwards. */
  static async with<T>(name: string, use: (production: ProductionStack) => Promise<T>): Promise<T> {
    return withStack(name, async (stack) => {
      await mustRun(['docker', 'network', 'create', stack.settings.network], HINT);
      return use(new ProductionStack(stack));
    });
  }

  /** Runs a target as an operator does. */
  async make(...words: string[]): Promise<void> {
    await mustRun(['make', ...words], HINT, { cwd: ROOT, env: this.stack.env });
  }

  /** Runs the bare command; after the first `prod-up`, whose release it takes. */
  async compose(...args: string[]): Promise<void> {
    this.composeEnv ??= await this.prepare();
    await this.run(args, this.composeEnv);
  }

  /** Runs the bare command on the images that were built last, as one does who has no releases. */
  async composeLatest(...args: string[]): Promise<void> {
    this.composeEnv ??= await this.prepare();
    await this.run(args, { ...this.composeEnv, IMAGE_TAG: 'latest', DATABASE_TAG: 'latest' });
  }

  private async run(args: readonly string[], env: Environment): Promise<void> {
    const { settings } = this.stack;
    const argv = composeArgv('production', settings, args);
    await mustRun(argv, HINT, { cwd: ROOT, env });
  }

  /** Removes containers and data, so that the next start is the first. */
  async wipe(): Promise<void> {
    await this.compose('down', '--volumes', '--timeout', '1');
  }

  /** The variables with which our own command starts the same containers. */
  private async prepare(): Promise<Environment> {
    const { settings } = this.stack;
    const env = await loadEnvFile(settings.envFile);
    const release = (await findDeployedRelease(settings)) ?? { app: 'latest', database: 'latest' };
    return prepareCompose('production', settings, env, release);
  }
}
