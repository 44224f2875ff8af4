import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { writeProven } from '../lib/backup/proven-file.ts';

const MIB = 1024 ** 2;

describe('a file that is read back while it is written', () => {
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
    [16 * MIB, 3 * MIB],
    [33 * MIB + 7, 60_001],
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
    });
  }

  for (const at of [5 * MIB, 20 * MIB]) {
    it(`is refused when a byte of it is another one on the disk (after ${at} bytes)`, async () => {
      const path = join(folder, `damaged ${at}`);
      const damage = (sent: number) => {
        if (sent !== at) return;
        const file = openSync(path, 'r+');
        writeSync(file, 'x', at - 3 * MIB);
        closeSync(file);
      };
      await assert.rejects(
        writeProven(path, chunks(40 * MIB, MIB, damage), () => undefined),
        /The disk does not give back what was written/,
      );
    });
  }
});
