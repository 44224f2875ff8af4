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
import { FolderStore } from './store.ts';

/** What every command about backups works with. */
export interface BackupContext {
  settings: StackSettings;
  backup: BackupSettings;
  /** The app's database. */
  database: string;
  store: FolderStore;
}

/** Reads the settings of stack and backups; an engine that does not answer is no matter here. */
export async function loadBackupContext(): Promise<BackupContext> {
  const settings = await openStack();
  const env = await loadEnvFile(settings.envFile);
  const values = { ...env, ...process.env };
  const problems = findOptionalProblems(values);
  if (problems.length > 0) throw envProblemsError(settings.envFile, problems);
  const backup = readBackupSettings(values, ROOT, readSecret);
  const database = env.POSTGRES_DB ?? '';
  return { settings, backup, database, store: new FolderStore(backup.folder) };
}

function readSecret(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new DescribedError(`${path} cannot be read (${code})`, 'fix its path or mode', Exit.missing);
  }
}

/** Takes the lock of a stack's backups, which lets the stack itself go on and be changed. */
export async function lockBackups({ settings }: BackupContext, command: string): Promise<void> {
  await assertDockerReady();
  lockStack(`${settings.prefix}-backup`, command);
}
