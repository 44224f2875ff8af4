import { run } from '../process/shell.ts';

/**
 * The last lines a container wrote, both streams, in one text.
 * @param since leaves out what is older, such as lines of its life before a restart: the container's `startedAt`
 */
export async function lastLogLines(container: string, lines = 15, since?: string): Promise<string> {
  const span = since === undefined ? [] : ['--since', since];
  const { stdout, stderr } = await run(['docker', 'logs', '--tail', String(lines), ...span, container]);
  return `${stdout}${stderr}`.trim();
}
