import { ownerOf } from '../database/sign-in.ts';
import { querySql } from '../database/sql.ts';
import { sandboxArgv } from '../docker/sandbox-argv.ts';
import { DescribedError } from '../process/errors.ts';
import { mustRun } from '../process/shell.ts';
import type { Release } from '../stack/release.ts';
import { containerName, type StackSettings } from '../stack/stack.ts';
import { sayWarning } from '../terminal/report.ts';
import { findBreaking } from './migration-rules.ts';
import { imageName } from './releases.ts';

/** Run in a container of the new image: its migrations by name. */
const READ_MIGRATIONS = `
const { readdirSync, readFileSync } = require('node:fs');
const names = readdirSync('/app/migrations').filter((name) => name.endsWith('.sql')).sort();
console.log(JSON.stringify(names.map((name) => ({ name, sql: readFileSync('/app/migrations/' + name, 'utf8') }))));`;

/**
 * Refuses a release whose new migrations the running version cannot live with, while both run side by side and after a
 * rollback.
 * @param allowed the operator knows and wants it all the same
 * @returns the names of the migrations that are new to the running database
 * @throws DescribedError with each statement that breaks, and why
 */
export async function checkMigrations(
  settings: StackSettings,
  release: Release,
  database: string,
  allowed: boolean,
): Promise<string[]> {
  const [migrations, applied] = await Promise.all([
    readMigrations(settings, release),
    listApplied(settings, database),
  ]);
  const pending = migrations.filter(({ name }) => !applied.has(name));
  const problems = pending.flatMap(({ name, sql }) =>
    findBreaking(sql).map(({ statement, why }) => `${name}: "${statement}" ${why}`),
  );
  if (problems.length === 0) return pending.map(({ name }) => name);
  const list = problems.map((problem) => `\n    ${problem}`).join('');
  if (!allowed) {
    throw new DescribedError(
      `The running version cannot live with what this release does to the database:${list}`,
      'add first and take away a release later; to deploy it with errors meanwhile: make prod-update ALLOW_BREAKING=1',
    );
  }
  sayWarning(`The running version may fail meanwhile, and no rollback brings back what goes:${list}`);
  return pending.map(({ name }) => name);
}

async function readMigrations(
  settings: StackSettings,
  release: Release,
): Promise<{ name: string; sql: string }[]> {
  const image = imageName(settings, 'backend', release.app);
  const argv = ['docker', 'run', '--rm', ...sandboxArgv(), image, 'node', '-e', READ_MIGRATIONS];
  return JSON.parse(await mustRun(argv, 'make prod-build')) as { name: string; sql: string }[];
}

async function listApplied(settings: StackSettings, database: string): Promise<Set<string>> {
  const owner = await ownerOf(containerName(settings, 'kidney-genetics-postgres'), database);
  const listed = await querySql(owner, 'select name from public.schema_migrations;');
  return new Set(listed.split('\n').filter(Boolean));
}
