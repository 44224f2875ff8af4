import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { glob } from 'zx';
import { DescribedError } from '../lib/process/errors.ts';
import { ROOT } from '../lib/process/root.ts';
import { $ } from '../lib/process/shell.ts';
import { SETTINGS, wordsToArgv, wordsToPairs } from '../lib/terminal/word-rules.ts';

const OPTIONS = {
  'dry-run': { type: 'boolean' },
  replace: { type: 'boolean' },
  'forget-previous': { type: 'boolean' },
  only: { type: 'string' },
} as const;
const WORDS = { FILE: '', FORGET: 'forget-previous' };

/** The flags that words become: those on make's command line, and those that only the environment has. */
function flagsOf(line: Record<string, string>, environment: Record<string, string> = {}): string[] {
  return wordsToArgv({
    given: Object.keys(line),
    env: { ...environment, ...line },
    options: OPTIONS,
    words: WORDS,
  });
}

describe("words on make's command line", () => {
  for (const value of ['1', 'yes', 'true', 'on', 'YES', 'True']) {
    it(`REPLACE=${value} means yes`, () =>
      assert.deepEqual(flagsOf({ REPLACE: value }), ['--replace', '--']));
  }
  for (const value of ['0', 'no', 'false', 'off', '', 'NO', 'False']) {
    it(`REPLACE=${value} means no`, () => assert.deepEqual(flagsOf({ REPLACE: value }), ['--']));
  }
  for (const value of ['maybe', '2', ' 1', 'yes please', '--undo']) {
    it(`REPLACE=${value} is refused by name`, () => {
      assert.throws(() => flagsOf({ REPLACE: value }), { message: `REPLACE=${value} is neither yes nor no` });
    });
  }

  const taken: [line: Record<string, string>, flags: string[]][] = [
    [{ FILE: 'a b;c' }, ['--', 'a b;c']],
    [{ FILE: '--undo', REPLACE: '1' }, ['--replace', '--', '--undo']],
    [{ FILE: '' }, ['--']],
    [{ ONLY: '--replace' }, ['--only=--replace', '--']],
    [{ FORGET: '1', STACK_PREFIX: 'other', VERBOSE: '1' }, ['--forget-previous', '--']],
    [{ '-*-command-variables-*-': 'x', MAKEFLAGS: '' }, ['--']],
  ];
  for (const [line, flags] of taken) {
    it(`${JSON.stringify(line)} becomes ${JSON.stringify(flags)}`, () =>
      assert.deepEqual(flagsOf(line), flags));
  }

  const refused: [word: string, hint: string][] = [
    ['DRYRUN', 'did you mean DRY_RUN?'],
    ['dry_run', 'did you mean DRY_RUN?'],
    ['REPLCE', 'did you mean REPLACE?'],
    ['STACK_PREFX', 'did you mean STACK_PREFIX?'],
    [
      'XYZZY',
      'it takes DRY_RUN, FILE, FORGET, FORGET_PREVIOUS, ONLY, REPLACE; settings of the stack stand in its env file',
    ],
  ];
  for (const [word, hint] of refused) {
    it(`${word}=1 is refused: ${hint}`, () => {
      assert.throws(
        () => flagsOf({ [word]: '1' }),
        (error) =>
          error instanceof DescribedError &&
          error.exitCode === 2 &&
          error.message === `${word} is no word of this command` &&
          error.hint === hint,
      );
    });
  }

  it('become KEY=VALUE for a command that takes settings', () => {
    const env = { LOG_LEVEL: '--x y', ENV_FILE: 'a', BACKUP_DIR: '' };
    const pairs = ['--', 'LOG_LEVEL=--x y', 'BACKUP_DIR='];
    assert.deepEqual(wordsToPairs({ given: Object.keys(env), env }), pairs);
  });

  it('count from the environment only where they destroy and answer nothing', () => {
    const environment = { REPLACE: '1', FILE: 'x', FORGET: '1', YES: '1', UNKNOWN: '1' };
    assert.deepEqual(flagsOf({}, environment), ['--']);
    assert.deepEqual(flagsOf({}, { ...environment, DRY_RUN: '1', ONLY: 'a' }), [
      '--dry-run',
      '--only=a',
      '--',
    ]);
    assert.deepEqual(
      flagsOf({ DRY_RUN: '0' }, { DRY_RUN: '1' }),
      ['--'],
      'the command line has the last word',
    );
  });
});

describe('make', () => {
  const make = async (words: string[], env: Record<string, string> = {}) => {
    const clean = {
      MAKEFLAGS: '',
      MAKEOVERRIDES: '',
      MFLAGS: '',
      MAKELEVEL: '',
      ENV_FILE: '/nonexistent/env',
    };
    const { exitCode, stderr } = await $({
      cwd: ROOT,
      env: { ...clean, ...env },
      nothrow: true,
    })`make ${words}`;
    return { exitCode, stderr };
  };

  it("ends with its own exit code 2 whatever fails, and names the command's in its last line", async () => {
    const cases: [words: string[], said: RegExp][] = [
      [['data-import', 'DRYRUN=1'], /DRYRUN is no word .*\n.*did you mean DRY_RUN\?\n.*Error 2\n$/],
      [
        ['data-import', 'FILE=x', 'REPLACE=perhaps'],
        /REPLACE=perhaps is neither yes nor no\n.*\n.*Error 2\n$/,
      ],
      [['data-import', 'FILE=x', 'REPLACE=no'], /nonexistent\/env is missing\n.*\n.*Error 3\n$/],
      [['prod-restore', 'FILE=--undo'], /nonexistent\/env is missing\n.*\n.*Error 3\n$/],
    ];
    for (const [words, said] of cases) {
      const { exitCode, stderr } = await make(words);
      assert.match(stderr, said);
      assert.equal(exitCode, 2);
    }
  });

  it('takes no file and no consent from the environment', async () => {
    const { stderr } = await make(['data-import'], { FILE: 'x.csv', REPLACE: '1' });
    assert.match(stderr, /Say which file/);
  });

  it('knows every variable that the scripts and the compose files read', async () => {
    const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');
    const scripts = await glob(['scripts/*.ts', 'scripts/lib/**/*.ts'], { cwd: ROOT });
    const inScripts = scripts.flatMap((path) => [...read(path).matchAll(/\bprocess\.env\.([A-Z_]+)\b/g)]);
    const composed = await glob(['deploy/**/docker-compose*.yml'], { cwd: ROOT });
    const withDefault = composed.flatMap((path) => [...read(path).matchAll(/\$\{([A-Z_]+):-/g)]);
    const env = read('.env.production.example');
    // Told by make or sudo, by the scripts to Compose, or read in a container.
    const others =
      /^(MAKE_GIVEN|SUDO_USER|SSH_\w+|TASK|(METRICS_)?PORT|AWS_SDK_\w+|STACK_MODE|DEV_USER|(DATABASE|IMAGE|BACKEND|FRONTEND)_TAG|BACKEND_NAME|SECRETS_\w+)$/;
    const missing = [...inScripts, ...withDefault]
      .map(([, name = '']) => name)
      .filter(
        (name) => !SETTINGS.has(name) && !others.test(name) && !new RegExp(`^#? ?${name}=`, 'm').test(env),
      );
    assert.deepEqual([...new Set(missing)], []);
  });

  it('has a help that fits 80 columns', async () => {
    const { stdout } = await $({ cwd: ROOT })`make help`;
    assert.deepEqual(
      stdout.split('\n').filter((line) => line.length > 80),
      [],
    );
  });
});
