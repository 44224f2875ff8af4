import { stripVTControlCharacters } from 'node:util';
import { ROOT } from '../../lib/process/root.ts';
import { run } from '../../lib/process/shell.ts';

/**
 * What a command prints on a terminal of so many columns, line by line, without colours. script(1) gives it one.
 * @param env beside this process's own
 */
export async function printOnTerminal(
  columns: number,
  argv: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<string[]> {
  const quoted = argv.map((word) => `'${word}'`).join(' ');
  const command = `stty cols ${columns} rows 60; ${quoted}`;
  const { stdout } = await run(['script', '-qec', command, '/dev/null'], {
    cwd: ROOT,
    env,
    timeoutMs: 60_000,
  });
  return stripVTControlCharacters(stdout).split(/[\r\n]+/);
}

/** The lines of a table that are wider than the terminal; a sentence, which has no two columns, may be. */
export function findWideRows(lines: readonly string[], columns: number): string[] {
  return lines.filter((line) => line.length > columns && /\S {2,}\S/.test(line.trim()));
}
