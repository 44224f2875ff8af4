import { existsSync, lstatSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { glob } from 'zx';
import { DescribedError, Exit } from '../process/errors.ts';
import { ROOT } from '../process/root.ts';
import { mustRun, run } from '../process/shell.ts';
import { readScheduleUser } from './schedule-rules.ts';

/**
 * The user whose checkout this is: the schedule runs what lies in it, and has to be worth no more than who can change it.
 * @param program further file that is run: node
 * @throws DescribedError where others can change the checkout, or what is run
 */
export async function findScheduleUser(program: string): Promise<string> {
  const { uid } = lstatSync(ROOT);
  const inside = await glob(['*', 'scripts/**', 'deploy/*'], {
    cwd: ROOT,
    absolute: true,
    onlyFiles: false,
    dot: true,
  });
  const paths = [...ancestorsOf(ROOT), ...inside, ...ancestorsOf(program)];
  const open = [...new Set(paths)].find((path) => canOthersChange(path, uid));
  if (open) {
    throw new DescribedError(
      `${open} can be changed by others than the owner of the checkout: they would have the schedule run what they like`,
      `chmod go-w ${open}, and see whose it is: ls -ld ${open}`,
    );
  }
  return (await mustRun(['id', '-nu', String(uid)], 'give the checkout to a user of this host')).trim();
}

function ancestorsOf(path: string): string[] {
  const parent = dirname(path);
  return parent === path ? [path] : [path, ...ancestorsOf(parent)];
}

/** In a folder with the sticky bit, such as /tmp, others cannot rename or remove what is not theirs. */
function canOthersChange(path: string, uid: number): boolean {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (!found || found.isSymbolicLink()) return false;
  const isShared = (found.mode & 0o022) !== 0 && !(found.isDirectory() && (found.mode & 0o1000) !== 0);
  return isShared || (found.uid !== 0 && found.uid !== uid);
}

/**
 * The schedule runs commands of Docker.
 * @throws DescribedError (exit 3) when the user may not
 */
export async function assertReachesEngine(user: string): Promise<void> {
  const ask = ['docker', 'version', '--format', '{{.Server.Version}}'];
  const { exitCode } = await run(user === 'root' ? ask : ['runuser', '-u', user, '--', ...ask]);
  if (exitCode === 0) return;
  throw new DescribedError(
    `${user}, whose checkout this is and who would run the schedule, cannot reach Docker's engine`,
    `usermod -aG docker ${user}; then: sudo make prod-backup-schedule`,
    Exit.missing,
  );
}

/**
 * A schedule that runs as another than the checkout's owner: whoever can write here would be that one.
 * @param paths where its files may be
 * @returns in words
 */
export function findWrongUser(paths: readonly string[]): string[] {
  const { uid } = lstatSync(ROOT);
  const isWrong = (path: string) =>
    uid !== 0 && existsSync(path) && readScheduleUser(readFileSync(path, 'utf8')) === 'root';
  return paths
    .filter(isWrong)
    .map((path) => `${path} runs as root what another user can change: sudo make prod-backup-schedule`);
}
