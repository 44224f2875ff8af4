import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { writeWhole } from './lib/process/files.ts';
import { ROOT } from './lib/process/root.ts';
import { envFileExists, envProblemsError, inspectEnvFile } from './lib/stack/env-file.ts';
import { fillEnvExample } from './lib/stack/env-rules.ts';
import { loadSettings } from './lib/stack/project.ts';
import { dateSecrets } from './lib/stack/secret-strength.ts';
import { main } from './lib/terminal/cli.ts';
import { say, sayOk } from './lib/terminal/report.ts';

const USAGE = `
Makes .env.production with fresh secrets; if it is there, checks it and changes nothing.

  make prod-env
  npx tsx scripts/prod-env.ts`;

/**
 * Writes the env file from .env.production.example, mode 0600, secrets of 32 random bytes that need no escaping in a URL.
 * An existing file is never overwritten, nor one that somebody makes at the same moment.
 */
export async function makeEnvFile(path: string): Promise<void> {
  const example = await readFile(join(ROOT, '.env.production.example'), 'utf8');
  const filled = fillEnvExample(example, () => randomBytes(32).toString('base64url'));
  writeWhole(path, dateSecrets(filled, new Date()), { mode: 0o600, isNew: true });
  sayOk(`${relative(ROOT, path)} made, with fresh secrets (mode 0600)`);
}

main(import.meta.url, {
  usage: USAGE,
  options: {},
  async run() {
    const { envFile } = loadSettings();
    if (!(await envFileExists(envFile))) {
      await makeEnvFile(envFile);
      say('  Put your domain into ALLOWED_HOSTS before you go into production.');
      return;
    }
    const { problems } = await inspectEnvFile(envFile);
    if (problems.length > 0) throw envProblemsError(envFile, problems);
    sayOk(`${relative(ROOT, envFile)} is fine; nothing was changed`);
  },
});
