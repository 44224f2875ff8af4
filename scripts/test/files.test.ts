import assert from 'node:assert/strict';
import {
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { writeWhole } from '../lib/process/files.ts';

describe('a file that is written whole', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'files-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));
  const modeOf = (path: string) => (lstatSync(path).mode & 0o777).toString(8);

  for (const umask of [0o000, 0o027, 0o077]) {
    for (const mode of [0o600, 0o644]) {
      it(`has its mode ${mode.toString(8)} under the umask ${umask.toString(8)}`, () => {
        const before = process.umask(umask);
        try {
          writeWhole(join(folder, 'file'), 'text', { mode });
        } finally {
          process.umask(before);
        }
        assert.equal(modeOf(join(folder, 'file')), mode.toString(8));
        assert.deepEqual(readdirSync(folder), ['file'], 'nothing is left beside it');
      });
    }
  }

  it('takes the place of a symbolic link and leaves alone where that leads', () => {
    const [path, other] = [join(folder, 'file'), join(folder, 'other')];
    writeFileSync(other, 'theirs');
    symlinkSync(other, path);
    symlinkSync(other, join(folder, `.file.${process.pid}.draft`));
    writeWhole(path, 'ours', { mode: 0o600 });
    assert.deepEqual([readFileSync(path, 'utf8'), readFileSync(other, 'utf8')], ['ours', 'theirs']);
    assert.ok(lstatSync(path).isFile());
  });

  it('is never one that is there already, when it has to be new', () => {
    const path = join(folder, 'file');
    writeFileSync(path, 'first');
    assert.throws(() => writeWhole(path, 'second', { mode: 0o600, isNew: true }), { code: 'EEXIST' });
    assert.equal(readFileSync(path, 'utf8'), 'first');
    assert.deepEqual(readdirSync(folder), ['file']);
  });

  it('leaves nothing behind where it cannot be written', () => {
    const path = join(folder, 'file');
    symlinkSync('/', join(folder, 'gone'));
    assert.throws(() => writeWhole(join(path, 'file'), 'text', { mode: 0o600 }), { code: 'ENOENT' });
    assert.deepEqual(readdirSync(folder), ['gone']);
  });
});
