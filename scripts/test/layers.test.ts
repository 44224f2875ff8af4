import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { findOffences, LAYERS } from '../check/layers.ts';
import { ROOT } from '../lib/process/root.ts';

const offences = (path: string, text: string) => findOffences([{ path: `scripts/lib/${path}`, text }]);

test('an import that runs upwards is refused, of a type too; downwards and within a folder it is fine', () => {
  assert.deepEqual(offences('docker/a.ts', "import type { B } from '../stack/b.ts';"), [
    'scripts/lib/docker/a.ts imports scripts/lib/stack/b.ts, which is above it',
  ]);
  assert.deepEqual(offences('stack/watch/a.ts', "const b = await import('../../verify/b.ts');"), [
    'scripts/lib/stack/watch/a.ts imports scripts/lib/verify/b.ts, which is above it',
  ]);
  assert.deepEqual(offences('stack/a.ts', "import { b } from '../docker/b.ts';\nimport './c.ts';"), []);
});

test('what lib imports is no command, and a new folder has to be given a layer', () => {
  assert.deepEqual(offences('stack/a.ts', "import { build } from '../../build.ts';"), [
    'scripts/lib/stack/a.ts imports scripts/build.ts, which is a command or a test',
  ]);
  assert.match(offences('attic/a.ts', "import '../stack/b.ts';")[0] ?? '', /is in no layer/);
});

test('a file that is pure by its name touches nothing', () => {
  for (const text of [
    "import { readFileSync } from 'node:fs';",
    "import { readFile } from 'node:fs/promises';",
    "import { $ } from 'zx';",
    'export const a = () => process.env.HOME;',
    'export const a = () => Date.now();',
  ]) {
    assert.equal(offences('stack/a-rules.ts', text).length, 1, text);
    assert.equal(offences('stack/a.ts', text).length, 0, text);
  }
  assert.deepEqual(
    offences('stack/a-plan.ts', "import { join } from 'node:path';\n// process.env is not read"),
    [],
  );
});

test('docs/architecture.md shows the layers in their order', () => {
  const page = readFileSync(join(ROOT, 'docs/architecture.md'), 'utf8');
  const named = [...page.matchAll(/^\| `(\w+)\/` \|/gm)].map(([, name]) => name);
  assert.deepEqual(named, [...LAYERS]);
});
