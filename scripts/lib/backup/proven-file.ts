import { createHash } from 'node:crypto';
import { constants, type FileHandle, open } from 'node:fs/promises';
import { DescribedError } from '../process/errors.ts';

const BLOCK = 1024 ** 2;
/** So much is written before it is asked back: the disk and this process then work side by side. */
const STRIDE = 16 * BLOCK;

// Node's types leave it to the browser's.
declare const WebAssembly: { Memory: new (size: { initial: number }) => { buffer: ArrayBuffer } };

/** A file as it was written: both are of the bytes that were sent to the disk. */
export interface Written {
  bytes: number;
  sha256: string;
}

/**
 * Writes a new file, has it on the disk, and reads back from there what it has written while more is written. So the proof
 * takes hardly any time of its own, and is one of the disk: reading afterwards, as one would, is answered from memory.
 * @param content its chunks may be used again once the next one is asked for
 * @throws DescribedError when the disk does not give back what was written; errors of the file system as they are
 */
export async function writeProven(
  path: string,
  content: AsyncIterable<Uint8Array>,
  onBytes: (bytes: number) => void,
): Promise<Written> {
  const file = await open(path, 'wx', 0o600);
  try {
    const reader = await ReadBack.open(path);
    try {
      return await writeAndRead(file, reader, content, onBytes);
    } finally {
      await reader.close();
    }
  } finally {
    await file.close();
  }
}

async function writeAndRead(
  file: FileHandle,
  reader: ReadBack,
  content: AsyncIterable<Uint8Array>,
  onBytes: (bytes: number) => void,
): Promise<Written> {
  const hash = createHash('sha256');
  const out = new BlockWriter(file);
  let read: Promise<void> = Promise.resolve();
  let asked = 0;
  for await (const chunk of content) {
    hash.update(chunk);
    await out.write(chunk);
    onBytes(out.bytes);
    if (out.flushed - asked < STRIDE) continue;
    await read;
    asked = out.flushed - (out.flushed % BLOCK);
    read = readAfterSync(file, reader, asked);
    // It is waited for at the next turn: until then its failure is not a stray one.
    read.catch(() => undefined);
  }
  await out.end();
  await read;
  await file.sync();
  await reader.readTo(out.bytes);
  const sha256 = hash.digest('hex');
  if (reader.digest() === sha256) return { bytes: out.bytes, sha256 };
  throw new DescribedError(
    `The disk does not give back what was written to ${reader.path}`,
    'look at the disk: dmesg',
  );
}

async function readAfterSync(file: FileHandle, reader: ReadBack, end: number): Promise<void> {
  await file.datasync();
  await reader.readTo(end);
}

/** Gathers chunks to blocks, and fills one while the other is written. */
class BlockWriter {
  /** Taken so far. */
  bytes = 0;
  /** Handed to the file system so far. */
  flushed = 0;
  private readonly file: FileHandle;
  private blocks = [Buffer.allocUnsafeSlow(BLOCK), Buffer.allocUnsafeSlow(BLOCK)] as const;
  private filled = 0;
  private writing: Promise<void> = Promise.resolve();

  constructor(file: FileHandle) {
    this.file = file;
  }

  async write(chunk: Uint8Array): Promise<void> {
    for (let from = 0; from < chunk.length; ) {
      const part = chunk.subarray(from, from + BLOCK - this.filled);
      this.blocks[0].set(part, this.filled);
      this.filled += part.length;
      this.bytes += part.length;
      from += part.length;
      if (this.filled === BLOCK) await this.turn();
    }
  }

  async end(): Promise<void> {
    await this.turn();
    await this.writing;
    this.flushed = this.bytes;
  }

  private async turn(): Promise<void> {
    await this.writing;
    const [full, other] = this.blocks;
    const length = this.filled;
    this.flushed = this.bytes - length;
    this.writing = writeWhole(this.file, full.subarray(0, length), this.flushed);
    this.writing.catch(() => undefined);
    this.blocks = [other, full];
    this.filled = 0;
  }
}

async function writeWhole(file: FileHandle, block: Buffer, position: number): Promise<void> {
  for (let done = 0; done < block.length; ) {
    const { bytesWritten } = await file.write(block, done, block.length - done, position + done);
    done += bytesWritten;
  }
}

/** Reads a file that still grows, past the page cache where the file system can. */
class ReadBack {
  readonly path: string;
  private readonly file: FileHandle;
  private readonly hash = createHash('sha256');
  // Reading past the cache takes a buffer that begins on a page: the memory of WebAssembly does.
  private readonly block = Buffer.from(new WebAssembly.Memory({ initial: BLOCK / 65_536 }).buffer);
  private position = 0;

  private constructor(path: string, file: FileHandle) {
    this.path = path;
    this.file = file;
  }

  static async open(path: string): Promise<ReadBack> {
    const direct = open(path, constants.O_RDONLY | constants.O_DIRECT);
    // A file system in memory, or over a network, may know no such way.
    return new ReadBack(path, await direct.catch(() => open(path, constants.O_RDONLY)));
  }

  /** Reads on, from a multiple of BLOCK to `end`. */
  async readTo(end: number): Promise<void> {
    while (this.position < end) {
      const length = Math.min(BLOCK, end - this.position);
      const { bytesRead } = await this.file.read(this.block, 0, BLOCK, this.position);
      // What is missing makes another digest.
      if (bytesRead < length) return;
      this.hash.update(this.block.subarray(0, length));
      this.position += length;
    }
  }

  digest(): string {
    return this.hash.digest('hex');
  }

  close(): Promise<void> {
    return this.file.close();
  }
}
