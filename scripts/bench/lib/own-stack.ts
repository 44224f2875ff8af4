import { whenInterrupted } from '../../lib/process/shell.ts';
import { TestStack } from '../../test/e2e/harness.ts';

/**
 * Prepares a stack of a benchmark's own; starts nothing. Whatever happens to `use`, an interruption too, it is gone
 * afterwards.
 * @param tidy removes what `use` adds beside the stack, once its containers are gone
 */
export async function withStack<T>(
  name: string,
  use: (stack: TestStack) => Promise<T>,
  tidy: (stack: TestStack) => Promise<unknown> = async () => {},
): Promise<T> {
  const stack = await TestStack.create(name);
  const remove = async () => {
    await stack.destroy();
    await tidy(stack);
    await stack.dispose();
  };
  const forget = whenInterrupted(remove);
  try {
    return await use(stack);
  } finally {
    forget();
    await remove();
  }
}
