import { readFileSync } from 'node:fs';
import { DescribedError, Exit } from '../process/errors.ts';
import { lockStack } from '../process/lock.ts';
import { ROOT } from '../process/root.ts';
import { type BackupSettings, readBackupSettings } from '../stack/backup-settings.ts';
import { envProblemsError, loadEnvFile } from '../stack/env-file.ts';
import { findOptionalProblems } from '../stack/env-rules.ts';
import { openStack } from '../stack/open.ts';
import { assertDockerReady } from '../stack/preflight.ts';
import type { StackSettings } from '../stack/stack.ts';
import { makeBackupKey } from './key.ts';
import { FolderStore } from './store.ts';

/** What every command about backups works with. */
export interface BackupContext {
  settings: StackSettings;
  backup: BackupSettings;
  /** The app's database and its owner. */
  database: string;
  owner: { name: string };
  store: FolderStore;
  /** Whether backups that nobody signed are taken as well, and plain ones where they are encrypted by now. */
  trust: boolean;
}

/**
 * Reads the settings of stack and backups; an engine that does not answer is no matter here.
 * @param trust the user's word for backups that nobody signed
 */
export async function loadBackupContext(trust = false): Promise<BackupContext> {
  const settings = await openStack();
  const env = await loadEnvFile(settings.envFile);
  const values = { ...env, ...process.env };
  const problems = findOptionalProblems(values);
  if (problems.length > 0) throw envProblemsError(settings.envFile, problems);
  const backup = readBackupSettings(values, ROOT, readSecret);
  const { POSTGRES_DB: database = '', POSTGRES_USER: name = '' } = env;
  const store = new FolderStore(backup.folder, backup);
  return { settings, backup, database, owner: { name }, store, trust };
}

function readSecret(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new DescribedError(`${path} cannot be read (${code})`, 'fix its path or mode', Exit.missing);
  }
}

/** Takes the lock of a stack's backups, which lets the stack itself go on and be changed; sees to the key that signs them. */
export async function lockBackups({ settings, backup }: BackupContext, command: string): Promise<void> {
  await assertDockerReady();
  lockStack(`${settings.prefix}-backup`, command);
  backup.key ??= await makeBackupKey(settings.envFile);
}
