import { randomBytes } from 'node:crypto';
import { relative } from 'node:path';
import { ROOT } from '../process/root.ts';
import { changeEnvFile } from '../stack/env-file.ts';
import { sayWarning } from '../terminal/report.ts';

/**
 * Makes the key that signs manifests, and keeps it in the env file: neither the backups' folder nor the bucket holds it.
 * @returns it
 */
export async function makeBackupKey(envFile: string): Promise<string> {
  const key = randomBytes(32).toString('base64url');
  await changeEnvFile(envFile, { BACKUP_KEY: key });
  sayWarning(
    `${relative(ROOT, envFile)} has a new line, BACKUP_KEY, which signs your backups: keep a copy of that file where the backups are not`,
  );
  return key;
}
