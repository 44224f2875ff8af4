/**
 * Runs the backend's tests: builds the server, starts one throwaway PostgreSQL 17 for all of them, and removes it however
 * they end.
 *
 *   npm test -w backend
 *   npx tsx backend/test/run.ts [FILE...]
 */
import { readdirSync } from 'node:fs';
import { run } from '../../scripts/lib/process/shell.ts';
import { removePostgres, startPostgres } from './support/postgres.ts';

const root = new URL('..', import.meta.url).pathname;
const files = process.argv.slice(2);

async function runTests(): Promise<number> {
  const build = await run(['npm', 'run', 'build', '--silent'], { cwd: root, inherit: true });
  if (build.exitCode !== 0) return build.exitCode;
  const wanted = files.length > 0 ? files : ['test/unit', 'test/api'].flatMap(listTests);
  const argv = [process.execPath, '--import', 'tsx', '--test', '--test-concurrency=2', ...wanted];
  const env = { TEST_POSTGRES: JSON.stringify(await startPostgres()) };
  return (await run(argv, { cwd: files.length > 0 ? process.cwd() : root, inherit: true, env })).exitCode;
}

function listTests(folder: string): string[] {
  const names = readdirSync(`${root}/${folder}`).filter((name) => name.endsWith('.test.ts'));
  return names.sort().map((name) => `${folder}/${name}`);
}

for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => void removePostgres().finally(() => process.exit(130)));
try {
  process.exitCode = await runTests();
} finally {
  await removePostgres();
}
