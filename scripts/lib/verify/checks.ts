import { DescribedError, Exit } from '../process/errors.ts';
import { findNearest } from '../process/near.ts';
import { type Check, FAMILIES, type Family } from './check.ts';
import { fileChecks } from './rules/container/files.ts';
import { isolationChecks } from './rules/container/isolation.ts';
import { limitChecks } from './rules/container/limits.ts';
import { rightChecks } from './rules/container/rights.ts';
import { runningChecks } from './rules/container/running.ts';
import { databaseChecks } from './rules/database.ts';
import { driftChecks } from './rules/drift.ts';
import { clientChecks } from './rules/http/clients.ts';
import { headerChecks } from './rules/http/headers.ts';
import { refusalChecks } from './rules/http/refusals.ts';
import { imageChecks } from './rules/images.ts';
import { nameChecks } from './rules/network/names.ts';
import { portChecks } from './rules/network/ports.ts';
import { reachChecks } from './rules/network/reach.ts';
import { secretChecks } from './rules/secrets.ts';

/** Every check, by family. */
export const CHECKS: readonly Check[] = [
  ...[...rightChecks, ...fileChecks, ...isolationChecks, ...limitChecks, ...runningChecks],
  ...[...portChecks, ...reachChecks, ...nameChecks],
  ...secretChecks,
  ...[...headerChecks, ...refusalChecks, ...clientChecks],
  ...imageChecks,
  ...databaseChecks,
  ...driftChecks,
];

/**
 * The checks that --only names: ids and families, separated by commas.
 * @throws DescribedError (exit 2) for a word that is neither
 */
export function selectChecks(only: readonly string[]): readonly Check[] {
  const words = only.flatMap((text) => text.split(',')).filter(Boolean);
  if (words.length === 0) return CHECKS;
  for (const word of words) assertKnown(word, [...FAMILIES, ...CHECKS.map(({ id }) => id)]);
  return CHECKS.filter(({ id, family }) => words.includes(id) || words.includes(family));
}

/**
 * The checks that --skip leaves out, each with its reason: ID=reason.
 * @throws DescribedError (exit 2) for an unknown id or a missing reason
 */
export function parseSkips(skip: readonly string[]): Map<string, string> {
  return new Map(
    skip.map((text) => {
      const [id = '', ...reason] = text.split('=');
      assertKnown(
        id,
        CHECKS.map((check) => check.id),
      );
      if (reason.join('=').trim() === '') {
        throw new DescribedError(`--skip ${id} has no reason`, `--skip ${id}="why"`, Exit.usage);
      }
      return [id, reason.join('=').trim()];
    }),
  );
}

function assertKnown(word: string, known: readonly string[]): void {
  if (known.includes(word)) return;
  const near = findNearest(word, known);
  throw new DescribedError(
    `No check is called ${word}`,
    near ? `did you mean ${near}?` : 'all of them: npx tsx scripts/verify.ts --list',
    Exit.usage,
  );
}

/** A family's name as a heading. */
export const FAMILY_TITLES: Readonly<Record<Family, string>> = {
  container: 'Containers',
  network: 'Network',
  secrets: 'Secrets',
  http: 'HTTP',
  images: 'Images',
  database: 'Database',
  drift: 'Drift',
};
