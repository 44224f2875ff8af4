import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DescribedError } from '../process/errors.ts';
import { fields, oneOf, text } from '../process/fields.ts';
import { writeWhole } from '../process/files.ts';
import { toPrintable } from '../process/printable.ts';
import { type Release, readRelease } from '../stack/release.ts';
import { stateDir } from './history.ts';

export const UPGRADE_COMMAND = 'make prod-db-upgrade';

/** An upgrade that has begun: written down after each step, so that the next run carries on from there. */
export interface Upgrade {
  step: 'begun' | 'dumped' | 'kept' | 'emptied' | 'restored';
  from: Release;
  to: Release;
  /** The volume that keeps the former data. */
  kept: string;
  /** The dump that is restored. */
  file: string;
}

const readFields = fields<Upgrade>({
  step: oneOf('begun', 'dumped', 'kept', 'emptied', 'restored'),
  from: readRelease,
  to: readRelease,
  kept: text(255, /^[a-zA-Z0-9][\w.-]+$/),
  file: text(255, /^(\w[\w.-]*)?$/),
});

/** Reads the file of an upgrade: a volume is removed by what it says. @throws Error with the reason */
export function parseUpgrade(content: string): Upgrade {
  return readFields(JSON.parse(content), '');
}

/** The file that says how far an upgrade is, or that the last one is done. */
export function statePath(prefix: string, name: 'database-upgrade' | 'database-upgraded'): string {
  return join(stateDir(prefix), `${name}.json`);
}

/**
 * The upgrade that is under way or was interrupted; or the last one that was done, as long as its old data are kept.
 * @throws DescribedError for a file that says something else
 */
export function readUpgrade(
  prefix: string,
  name: 'database-upgrade' | 'database-upgraded',
): Upgrade | undefined {
  const path = statePath(prefix, name);
  if (!existsSync(path)) return undefined;
  try {
    return parseUpgrade(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new DescribedError(
      `${path} tells of no upgrade: ${toPrintable((error as Error).message)}`,
      'see which volumes there are (docker volume ls), and which of them the database uses, before you remove that file',
    );
  }
}

/** Writes down how far an upgrade is, all or nothing. */
export function noteUpgrade(prefix: string, upgrade: Upgrade): void {
  const path = statePath(prefix, 'database-upgrade');
  mkdirSync(dirname(path), { recursive: true });
  writeWhole(path, JSON.stringify(upgrade), { mode: 0o644 });
}

/** @throws DescribedError while the data are between two versions: an API that writes now would write into the old ones */
export function assertNoUpgrade(prefix: string): void {
  if (!existsSync(statePath(prefix, 'database-upgrade'))) return;
  throw new DescribedError(
    'An upgrade of the database was interrupted',
    `carry on: ${UPGRADE_COMMAND}; or go back: ${UPGRADE_COMMAND} UNDO=1`,
  );
}
