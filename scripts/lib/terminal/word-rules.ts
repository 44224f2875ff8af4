import type { ParseArgsConfig } from 'node:util';
import { DescribedError, Exit } from '../process/errors.ts';
import { findNearest } from '../process/near.ts';

type Options = NonNullable<ParseArgsConfig['options']>;

/** What stands on make's command line, and what the command that it starts understands. */
export interface MakeWords {
  /** The names of the variables there. */
  given: readonly string[];
  /** The environment, in which make hands their values on. */
  env: Readonly<Record<string, string | undefined>>;
  /** The command's own: dry-run is the word DRY_RUN. */
  options: Options;
  /** Words that are called otherwise than their option; '' stands for the argument. */
  words: Readonly<Record<string, string>>;
}

/** Words that count from the environment as well: none of them destroys, deploys something else or answers a question. */
const ALSO_FROM_ENVIRONMENT = new Set(
  'CACHE_AGE DOMAIN DRY_RUN ENGINE JUNIT NO_BUILD NO_CACHE ONLY PLAN QUICK REMOTE SERVICE SKIP WRITE'.split(
    ' ',
  ),
);

/** Variables that the scripts, the compose files or the programs they start read from the environment. */
export const SETTINGS: ReadonlySet<string> = new Set(
  `STACK_PREFIX NPM_NETWORK ENV_FILE TEST_BIND TEST_FRONTEND_PORT TEST_BACKEND_PORT TEST_POSTGRES_PORT
  NODE_BASE NGINX_BASE POSTGRES_BASE DEV_FRONTEND_PORT DEV_BACKEND_PORT DEV_POSTGRES_PORT
  NPM_BIND NPM_HTTP_PORT NPM_HTTPS_PORT NPM_ADMIN_PORT NPM_IMAGE NPM_URL NPM_IDENTITY NPM_TOTP NPM_CONTAINER NPM_READ_TIMEOUT
  BACKUP_DIR BACKUP_REMOTE BACKUP_AGE_IDENTITY_FILE COSIGN_KEY COSIGN_PASSWORD
  PROBE_INTERVAL VERBOSE NO_COLOR KG_HEAVY KG_SEED TEST_PREFIX LEAK HOME PATH TERM TMPDIR SHELL MAKEFLAGS
  DOCKER_HOST DOCKER_CONFIG DOCKER_CONTEXT NODE_EXTRA_CA_CERTS SSL_CERT_FILE HTTP_PROXY HTTPS_PROXY NO_PROXY`.split(
    /\s+/,
  ),
);

/**
 * The words on make's command line as the flags of the command: FILE=x YES=1 as --yes -- x.
 * @throws DescribedError (exit 2) on a word that it does not know, and on a switch that is neither yes nor no
 */
export function wordsToArgv({ given, env, options, words }: MakeWords): string[] {
  const known = new Map([
    ...Object.keys(options).map((name) => [toWord(name), name] as const),
    ...Object.entries(words),
  ]);
  const names = given.filter((name) => /^[A-Za-z_]\w*$/.test(name) && !SETTINGS.has(name));
  const unknown = names.find((name) => !known.has(name));
  if (unknown) throw unknownWord(unknown, [...known.keys()]);
  const inherited = [...known.keys()].filter((name) => ALSO_FROM_ENVIRONMENT.has(name) && env[name]);
  const taken = [...new Set([...names, ...inherited])].filter((name) => env[name]);
  const flags = taken.flatMap((name) => toFlag(name, env[name] ?? '', known.get(name) ?? '', options));
  // What follows `--` is never a flag: FILE=--undo is the name of a file.
  return [...flags, '--', ...taken.filter((name) => known.get(name) === '').map((name) => env[name] ?? '')];
}

/** The words as arguments of a command that takes settings: LOG_LEVEL=INFO, but for those that say how it runs itself. */
export function wordsToPairs({ given, env }: Pick<MakeWords, 'given' | 'env'>): string[] {
  const ours = /^(ENV_FILE|VERBOSE|NO_COLOR|SHELL|MAKEFLAGS)$/;
  const names = given.filter((name) => /^[A-Za-z_]\w*$/.test(name) && !ours.test(name));
  return ['--', ...names.map((name) => `${name}=${env[name] ?? ''}`)];
}

function toWord(option: string): string {
  return option.toUpperCase().replaceAll('-', '_');
}

function toFlag(word: string, value: string, option: string, options: Options): string[] {
  if (option === '') return [];
  if (options[option]?.type === 'string') return [`--${option}=${value}`];
  return isYes(word, value) ? [`--${option}`] : [];
}

/**
 * @returns whether a switch is on: 1, yes, true and on are, 0, no, false, off and nothing are not
 * @throws DescribedError (exit 2) on anything else
 */
export function isYes(word: string, value: string): boolean {
  if (/^(1|yes|true|on)$/i.test(value)) return true;
  if (/^(0|no|false|off|)$/i.test(value)) return false;
  throw new DescribedError(`${word}=${value} is neither yes nor no`, `${word}=1, or ${word}=0`, Exit.usage);
}

function unknownWord(word: string, known: readonly string[]): DescribedError {
  const near = findNearest(word.toUpperCase(), [...known, ...SETTINGS]);
  const all = known.length > 0 ? `it takes ${[...known].sort().join(', ')}` : 'it takes none';
  return new DescribedError(
    `${word} is no word of this command`,
    near ? `did you mean ${near}?` : `${all}; settings of the stack stand in its env file`,
    Exit.usage,
  );
}
