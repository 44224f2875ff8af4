import { openPipe } from '../process/shell.ts';
import { say } from '../terminal/report.ts';

const PULL_MS = 10 * 60_000;
/** After this long the operator is told what it is that takes so long. */
const SLOW_MS = 10_000;

/**
 * Pulls an image.
 * @param firstWordMs a registry that has said nothing by then is given up; one that sends is waited for, however slow its line
 * @returns what Docker said when it failed; undefined when the image is there
 */
export async function pullImage(image: string, firstWordMs = PULL_MS): Promise<string | undefined> {
  const child = openPipe(['docker', 'pull', image], { timeoutMs: PULL_MS });
  child.stdin.end();
  let sending = false;
  // Without a terminal Docker tells of each layer that it begins and ends.
  child.stdout.on('data', (text: Buffer) => {
    sending ||= /: (Pulling fs layer|Already exists|Download|Pull complete)/.test(String(text));
  });
  const slow = setTimeout(() => say(`  ${image}: pulling it`), SLOW_MS);
  const silent = setTimeout(() => {
    if (!sending) child.kill();
  }, firstWordMs);
  const { exitCode, stderr } = await child.ended;
  clearTimeout(slow);
  clearTimeout(silent);
  return exitCode === 0 ? undefined : stderr;
}
