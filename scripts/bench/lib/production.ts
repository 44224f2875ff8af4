import { loadEnvFile } from '../../lib/env-file.ts';
import { composeArgv, composeNames } from '../../lib/model/stack.ts';
import { ROOT } from '../../lib/project.ts';
import { secretsDir, writeSecrets } from '../../lib/secrets.ts';
import { mustRun } from '../../lib/shell.ts';
import { TestStack } from '../../test/e2e/harness.ts';

const HINT = 'make bench';

/** A stack in production mode, worked by this kit's commands and by the bare ones of Compose on the same files. */
export class ProductionStack {
  readonly stack: TestStack;
  private readonly composeEnv: Record<string, string>;

  private constructor(stack: TestStack, composeEnv: Record<string, string>) {
    this.stack = stack;
    this.composeEnv = composeEnv;
  }

  /** Prepares a stack; starts nothing. Whatever happens to `use`, it is gone afterwards. */
  static async with<T>(name: string, use: (production: ProductionStack) => Promise<T>): Promise<T> {
    const stack = await TestStack.create(name);
    try {
      const { prefix, envFile } = stack.settings;
      const version = await writeSecrets(prefix, await loadEnvFile(envFile));
      const secrets = { SECRETS_DIR: secretsDir(prefix), SECRETS_VERSION: version };
      await mustRun(['docker', 'network', 'create', stack.settings.network], HINT);
      return await use(
        new ProductionStack(stack, { ...composeNames('production', stack.settings), ...secrets }),
      );
    } finally {
      await stack.dispose();
    }
  }

  /** Runs a target as an operator does. */
  async make(target: string): Promise<void> {
    await mustRun(['make', '-s', target], HINT, { cwd: ROOT, env: this.stack.env });
  }

  /** Runs the bare command. */
  async compose(...args: string[]): Promise<void> {
    const argv = composeArgv('production', this.stack.settings, [
      '--env-file',
      this.stack.settings.envFile,
      ...args,
    ]);
    await mustRun(argv, HINT, { cwd: ROOT, env: this.composeEnv });
  }

  /** Removes containers and data, so that the next start is the first. */
  async wipe(): Promise<void> {
    await this.compose('down', '--volumes', '--timeout', '1');
  }
}
