import { readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { mustRun } from '../../lib/process/shell.ts';
import { formatBytes } from '../../lib/terminal/report.ts';

const MAX_FILES = 5;
/** The engine counts 50m as 50 MiB, and lets the line that reaches it end. */
const MAX_FILE_BYTES = 50 * 1024 ** 2 + 64 * 1024;

/**
 * Looks at the files in which the engine keeps a container's log.
 * @returns how many there are and how large they are together
 * @throws Error when there is more of them than the compose file allows
 */
export async function checkLogFiles(container: string): Promise<string> {
  const path = await mustRun(['docker', 'inspect', '--format', '{{.LogPath}}', container], 'see above');
  const folder = dirname(path.trim());
  const sizes = readdirSync(folder)
    .filter((name) => name.includes('-json.log'))
    .map((name) => statSync(join(folder, name)).size);
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const found = `${sizes.length} log files of ${formatBytes(total)} together`;
  if (sizes.length > MAX_FILES || sizes.some((size) => size > MAX_FILE_BYTES)) {
    throw new Error(`The log is not kept within ${MAX_FILES} files of 50 MiB: ${found}`);
  }
  return found;
}
