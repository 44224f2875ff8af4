import { statSync } from 'node:fs';
import { userInfo } from 'node:os';
import { DescribedError, Exit } from './errors.ts';
import { ROOT } from './root.ts';

/**
 * Puts into words what the operating system refuses any command: rights, space, a disk mounted read-only.
 * @returns undefined for every other error, which is a fault of the command
 */
export function describeSystemError(error: unknown): DescribedError | undefined {
  const { code, path = 'a file' } = error as NodeJS.ErrnoException;
  if (code === 'EACCES' || code === 'EPERM') {
    const { uid, username } = userInfo();
    const owner = statSync(ROOT).uid;
    const become = owner === 0 ? 'sudo' : `sudo -u '#${owner}'`;
    return new DescribedError(
      `${username} may not read or write ${path}`,
      uid === owner
        ? `a command has run as another user here; take the files back: sudo chown -R ${username} ${ROOT}`
        : `as the user to whom this checkout belongs: ${become} make ...`,
      Exit.missing,
    );
  }
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new DescribedError(`No space is left for ${path}`, 'make prod-prune', Exit.missing);
  }
  if (code === 'EROFS') {
    return new DescribedError(
      `${path} is on a disk that is mounted read-only, as after an error of the disk`,
      'dmesg | tail',
      Exit.missing,
    );
  }
  return undefined;
}
