import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { writeProven } from '../lib/backup/proven-file.ts';

const MIB = 1024 ** 2;

describe('a file that is written and read again', () => {
  const folder = mkdtempSync(join(tmpdir(), 'proven-'));
  after(() => rmSync(folder, { recursive: true }));

  /** Chunks of a size, each with other bytes; `between` may do something before the next one. */
  async function* chunks(bytes: number, size: number, between: (sent: number) => void = () => undefined) {
    for (let sent = 0; sent < bytes; sent += size) {
      between(sent);
      yield Buffer.alloc(Math.min(size, bytes - sent), sent % 251);
    }
  }

  for (const [bytes, size] of [
    [0, 1],
    [1, 1],
    [MIB, 65_536],
    [9 * MIB + 7, 60_001],
  ] as const) {
    it(`holds ${bytes} bytes that came ${size} at a time`, async () => {
      const path = join(folder, `${bytes}`);
      let told = 0;
      const written = await writeProven(path, chunks(bytes, size), (sent) => {
        told = sent;
      });
      const content = readFileSync(path);
      assert.deepEqual([written.bytes, content.length, told], [bytes, bytes, bytes]);
      assert.equal(written.sha256, createHash('sha256').update(content).digest('hex'));
      assert.equal(statSync(path).mode & 0o777, 0o600);
    });
  }

  it('is refused when a byte of it is another one', async () => {
    const path = join(folder, 'damaged');
    const damage = (sent: number) => {
      if (sent !== 5 * MIB) return;
      const file = openSync(path, 'r+');
      writeSync(file, 'x', 2 * MIB);
      closeSync(file);
    };
    await assert.rejects(
      writeProven(path, chunks(8 * MIB, MIB, damage), () => undefined),
      /The disk does not give back what was written/,
    );
  });

  it('never writes over one that is there, nor hides what the source threw', async () => {
    const path = join(folder, 'taken');
    await writeProven(path, chunks(1, 1), () => undefined);
    await assert.rejects(
      writeProven(path, chunks(1, 1), () => undefined),
      /EEXIST/,
    );
    const broken = chunks(2, 1, (sent) => {
      if (sent === 1) throw new Error('the dump broke off');
    });
    await assert.rejects(
      writeProven(join(folder, 'broken'), broken, () => undefined),
      /the dump broke off/,
    );
  });

  it('has its file, whole or not, by the time it fails: nothing appears after that was tidied up', async () => {
    const path = join(folder, 'at-once');
    const broken = chunks(1, 1, () => {
      throw new Error('no dump at all');
    });
    await assert.rejects(
      writeProven(path, broken, () => undefined),
      /no dump at all/,
    );
    assert.equal(statSync(path).size, 0);
  });
});
