import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { beginChanges } from './lib/process/changes.ts';
import { DescribedError, Exit } from './lib/process/errors.ts';
import { writeWhole } from './lib/process/files.ts';
import { ROOT } from './lib/process/root.ts';
import { readHistory } from './lib/release/history.ts';
import { changeEnvFile, envFileExists, envProblemsError, inspectEnvFile } from './lib/stack/env-file.ts';
import { fillEnvExample, findDoubts, parseGiven, settingChanges } from './lib/stack/env-rules.ts';
import { changeEnvText, readEnvText } from './lib/stack/env-text-rules.ts';
import { assertMayRename } from './lib/stack/open.ts';
import { envFilePath } from './lib/stack/project.ts';
import { dateSecrets } from './lib/stack/secret-strength.ts';
import { STACK_KEYS } from './lib/stack/stack.ts';
import { main } from './lib/terminal/cli.ts';
import { say, sayOk, sayWarning } from './lib/terminal/report.ts';

const USAGE = `
Makes .env.production with fresh secrets; if it is there, checks it. Writes the settings that are given into it: what this stack
is called, where it is reached, which domain it has.

  make prod-env
  make prod-env DOMAIN=genes.example.org STACK_PREFIX=staging NPM_NETWORK=npm-proxy
  npx tsx scripts/prod-env.ts [KEY=VALUE ...]

  KEY   any key of .env.production.example that is no secret; DOMAIN is added to ALLOWED_HOSTS as well`;

/**
 * Writes the env file from .env.production.example, mode 0600, secrets of 32 random bytes that need no escaping in a URL.
 * @param given settings that it shall hold; those of a shell, by which commands went while there was no file, are kept as well
 */
export async function makeEnvFile(path: string, given: Readonly<Record<string, string>> = {}): Promise<void> {
  const example = await readFile(join(ROOT, '.env.production.example'), 'utf8');
  const filled = fillEnvExample(example, () => randomBytes(32).toString('base64url'));
  const ofShell = STACK_KEYS.flatMap((key) => (process.env[key] ? [[key, process.env[key]] as const] : []));
  const settings = { ...Object.fromEntries(ofShell), ...given };
  const changes = settingChanges(settings, readEnvText(filled).values);
  writeWhole(path, dateSecrets(changeEnvText(filled, changes), new Date()), { mode: 0o600, isNew: true });
  sayOk(`${relative(ROOT, path)} made, with fresh secrets (mode 0600)`);
  sayChanges(changes);
}

async function changeSettings(path: string, given: Readonly<Record<string, string>>): Promise<boolean> {
  const { values } = await inspectEnvFile(path);
  const changes = settingChanges(given, values);
  if (Object.keys(changes).length === 0) return false;
  await assertMayRename(values, changes, (prefix) => readHistory(prefix).length > 0);
  await changeEnvFile(path, changes);
  sayChanges(changes);
  return true;
}

function sayChanges(changes: Readonly<Record<string, string>>): void {
  for (const [key, value] of Object.entries(changes)) say(`  ${key}=${value}`);
}

main(import.meta.url, {
  usage: USAGE,
  options: {},
  maxPositionals: 30,
  takesPairs: true,
  async run(_flags, words) {
    const parsed = parseGiven(words);
    if ('problem' in parsed) throw new DescribedError(parsed.problem, 'see --help', Exit.usage);
    beginChanges('prod-env');
    const path = envFilePath();
    const isNew = !(await envFileExists(path));
    if (isNew) await makeEnvFile(path, parsed.given);
    const changed = !isNew && (await changeSettings(path, parsed.given));
    const { values, problems } = await inspectEnvFile(path);
    if (problems.length > 0) throw envProblemsError(path, problems);
    const doubts = findDoubts(values);
    for (const doubt of doubts) sayWarning(doubt);
    if (isNew) return;
    const fine = doubts.length > 0 ? 'has no fault, but see above' : 'is fine';
    sayOk(
      `${relative(ROOT, path)} ${fine}; ${changed ? 'make prod-up puts into effect what was changed' : 'nothing was changed'}`,
    );
  },
});
