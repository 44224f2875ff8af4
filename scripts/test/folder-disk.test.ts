import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { assertSameDisk, rememberDisk } from '../lib/backup/folder-disk.ts';
import { DescribedError } from '../lib/process/errors.ts';
import { ROOT } from '../lib/process/root.ts';
import { stateDir } from '../lib/release/history.ts';

describe('a folder of backups on a disk of its own', () => {
  const stack = `kgt-disk-${process.pid}`;
  // Linux keeps shared memory on a file system of its own.
  const disk = mkdtempSync('/dev/shm/kgt-disk-');
  after(() => {
    for (const folder of [disk, stateDir(stack)]) rmSync(folder, { recursive: true, force: true });
  });

  it('is known again, and refused as soon as the disk is not mounted or is another one', () => {
    assertSameDisk(stack, disk);
    rememberDisk(stack, disk);
    rememberDisk(stack, disk);
    assertSameDisk(stack, disk);
    const mark = join(disk, '.backup-disk');
    const refused = (error: Error) => {
      assert.ok(error instanceof DescribedError);
      assert.match(error.message, /is not on the disk that backups went to before: it is not mounted/);
      assert.match(error.hint, /rm deploy\/state\/kgt-disk-\d+\/backup-disks\.json$/);
      return true;
    };
    writeFileSync(mark, '00000000-0000-0000-0000-000000000000\n');
    assert.throws(() => assertSameDisk(stack, disk), refused);
    rmSync(mark);
    assert.throws(() => assertSameDisk(stack, disk), refused);
    rmSync(join(stateDir(stack), 'backup-disks.json'));
    assertSameDisk(stack, disk);
  });

  it('is not asked for where the folder is on the disk of the checkout', () => {
    const folder = mkdtempSync(join(ROOT, 'backups-test-'));
    rememberDisk(stack, folder);
    rmSync(folder, { recursive: true });
    assertSameDisk(stack, folder);
  });
});
