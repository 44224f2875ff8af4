import assert from 'node:assert/strict';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { commandArgv } from '../lib/process/command.ts';
import { ROOT } from '../lib/process/root.ts';
import { run } from '../lib/process/shell.ts';

/** What needs all packages: make installs them for these, see ALL in the Makefile. */
const DEVELOPMENT = ['test', 'check', 'bench', 'dev', 'fault-report'];

/** What works with the application's own code; a host that deploys releases of a registry may have none of it. */
const NEED_SOURCES = ['data-export', 'data-import'];

interface Manifest {
  dependencies: Record<string, string>;
}

function readDependencies(): string[] {
  const { dependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Manifest;
  return Object.keys(dependencies);
}

describe('with the run-time packages alone, and no sources of the application', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'run-time-'));
    for (const path of ['package.json', 'tsconfig.json', 'tsconfig.base.json', 'scripts'])
      cpSync(join(ROOT, path), join(folder, path), { recursive: true });
    for (const name of readDependencies()) {
      mkdirSync(dirname(join(folder, 'node_modules', name)), { recursive: true });
      symlinkSync(join(ROOT, 'node_modules', name), join(folder, 'node_modules', name));
    }
  });
  after(() => rmSync(folder, { recursive: true }));

  const scripts = readdirSync(join(ROOT, 'scripts'))
    .filter((name) => name.endsWith('.ts') && !DEVELOPMENT.includes(name.slice(0, -3)))
    .map((name) => `scripts/${name}`);

  it(`each of the ${scripts.length} scripts that operate a stack finds what it imports`, async () => {
    const load = `
      require('tsx/cjs');
      for (const script of process.argv.slice(2))
        try { require(script) } catch (error) { console.log(script, error.message.split('\\n')[0]) }`;
    // The first argument is taken for the command that was started.
    const argv = [
      process.execPath,
      '-e',
      load,
      join(folder, 'package.json'),
      ...scripts.map((script) => join(folder, script)),
    ];
    const { stdout, stderr } = await run(argv, { cwd: folder });
    const failed = stdout.split('\n').filter(Boolean);
    assert.deepEqual(
      failed.map((line) => line.replace(/.*\/scripts\/(\S+) .*backend\/src.*/, '$1')),
      NEED_SOURCES.map((name) => `${name}.ts`),
    );
    assert.equal(stderr, '');
  });

  for (const name of NEED_SOURCES) {
    it(`${name} says that it needs the sources of the application`, async () => {
      const { exitCode, stderr } = await run(commandArgv(name, ['--help']), { cwd: folder });
      assert.equal(exitCode, 3);
      assert.match(stderr, /^✘ .* sources of the application .*\n {2}→ .*\n$/);
    });
  }

  it('no package is missing that is imported only when it is needed', () => {
    const files = scripts.concat(
      readdirSync(join(ROOT, 'scripts/lib'), { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.ts'))
        .map((name) => `scripts/lib/${name}`),
    );
    const imported = files.flatMap((path) =>
      [...readFileSync(join(ROOT, path), 'utf8').matchAll(/\bimport\('((@[^/']+\/)?[^./'][^/']*)/g)].map(
        ([, name = '']) => name,
      ),
    );
    const missing = imported.filter(
      (name) => !name.startsWith('node:') && !readDependencies().includes(name),
    );
    assert.deepEqual(missing, []);
    assert.ok(imported.includes('age-encryption'), 'the search finds nothing any more');
  });
});

it('docs/CONTRIBUTING.md says of each run-time package what it is for, and of no other', () => {
  const text = readFileSync(join(ROOT, 'docs/CONTRIBUTING.md'), 'utf8');
  const [, table = ''] = text.split('| package | what for |');
  const rows = [...(table.split('\n\n')[0] ?? '').matchAll(/^\| ((?:`[^`]+`(?:, )?)+) \| .{20,} \|$/gm)];
  const named = rows.flatMap(([, names = '']) => names.split(', ').map((name) => name.slice(1, -1)));
  assert.deepEqual(named.sort(), readDependencies().sort());
});
