import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { DescribedError } from '../process/errors.ts';
import { digestOf, Meter } from './streams.ts';

/** A file as it was written: both are of the bytes that were sent to the disk. */
export interface Written {
  bytes: number;
  sha256: string;
}

/**
 * Writes a new file, has it on the disk (fsync(2), which reports what the disk refused) and reads it again from its beginning.
 * @param onBytes told of the bytes so far
 * @throws DescribedError when the file does not hold what was written; errors of the file system as they are
 */
export async function writeProven(
  path: string,
  content: AsyncIterable<Uint8Array>,
  onBytes: (bytes: number) => void,
): Promise<Written> {
  const meter = new Meter(onBytes);
  // Opened before anything is read: a source that fails at once must not leave a file that appears after it was tidied up.
  const file = await open(path, 'wx', 0o600);
  await pipeline(content, meter, file.createWriteStream({ flush: true }));
  const sha256 = await digestOf(createReadStream(path, { highWaterMark: 1024 ** 2 }));
  if (sha256 === meter.digest) return { bytes: meter.bytes, sha256 };
  throw new DescribedError(
    `The disk does not give back what was written to ${path}`,
    'look at the disk: dmesg',
  );
}
