import type { Readable } from 'node:stream';
import { DescribedError, Exit } from '../process/errors.ts';
import { type RunResult, run } from '../process/shell.ts';
import { listStack } from '../stack/containers.ts';
import { containerName, type StackSettings } from '../stack/stack.ts';

/**
 * Runs SQL in the container of the database, which has no port in production, as the superuser over its socket.
 * @param script what psql reads
 * @param args further arguments of psql
 */
export async function runPsql(
  settings: StackSettings,
  database: string,
  script: string | Readable,
  args: readonly string[] = [],
): Promise<RunResult> {
  const psql = ['psql', '-X', '-v', 'ON_ERROR_STOP=1', '-U', 'postgres', '-d', database, ...args];
  const container = containerName(settings, 'kidney-genetics-postgres');
  return run(['docker', 'exec', '-i', container, ...psql], { input: script });
}

/** @throws DescribedError (exit 3) when the stack's database does not run */
export async function assertDatabaseUp(settings: StackSettings): Promise<void> {
  const name = containerName(settings, 'kidney-genetics-postgres');
  const container = (await listStack(settings)).find((one) => one.name === name);
  if (container?.state === 'running' && container.health === 'healthy') return;
  const state = container ? `${container.state}, ${container.health}` : 'not up';
  throw new DescribedError(
    `The database ${name} is ${state}`,
    'make prod-up, then make prod-health',
    Exit.missing,
  );
}

/** One error for what psql said. */
export function psqlError(what: string, { exitCode, stderr }: RunResult): DescribedError {
  const said = stderr
    .trim()
    .split('\n')
    .filter((line) => !/^(CONTEXT|DETAIL): {2}/.test(line));
  return new DescribedError(
    `${what} (psql exit ${exitCode}): ${said.slice(-3).join(' ')}`,
    'make prod-health',
  );
}
