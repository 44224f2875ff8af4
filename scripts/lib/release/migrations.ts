import { ownerOf } from '../database/sign-in.ts';
import { querySql } from '../database/sql.ts';
import { sandboxArgv } from '../docker/sandbox-argv.ts';
import { mustRun } from '../process/shell.ts';
import { containerName, type StackSettings } from '../stack/stack.ts';
import { findBreaking } from './migration-rules.ts';
import type { PendingMigration } from './update-plan.ts';

/** Run in a container of the new image: its migrations by name. */
const READ_MIGRATIONS = `
const { readdirSync, readFileSync } = require('node:fs');
const names = readdirSync('/app/migrations').filter((name) => name.endsWith('.sql')).sort();
console.log(JSON.stringify(names.map((name) => ({ name, sql: readFileSync('/app/migrations/' + name, 'utf8') }))));`;

/**
 * The migrations of an image that a database has not seen, each with what in it the running version cannot live with, while
 * both run side by side and after a rollback.
 * @param image the backend's
 */
export async function findPending(
  settings: StackSettings,
  image: string,
  database: string,
): Promise<PendingMigration[]> {
  const [migrations, applied] = await Promise.all([readMigrations(image), listApplied(settings, database)]);
  const pending = migrations.filter(({ name }) => !applied.has(name));
  return pending.map(({ name, sql }) => ({ name, breaking: findBreaking(sql) }));
}

async function readMigrations(image: string): Promise<{ name: string; sql: string }[]> {
  const argv = ['docker', 'run', '--rm', ...sandboxArgv(), image, 'node', '-e', READ_MIGRATIONS];
  return JSON.parse(await mustRun(argv, 'make prod-build')) as { name: string; sql: string }[];
}

async function listApplied(settings: StackSettings, database: string): Promise<Set<string>> {
  const owner = await ownerOf(containerName(settings, 'kidney-genetics-postgres'), database);
  const listed = await querySql(owner, 'select name from public.schema_migrations;');
  return new Set(listed.split('\n').filter(Boolean));
}
