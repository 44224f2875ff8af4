const BLOCK = 512;

/** Takes a stream apart by numbers of bytes. */
class Bytes {
  readonly #source: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(source: AsyncIterable<Buffer>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** The next so many bytes, in pieces. @throws Error when there are fewer */
  async *take(count: number): AsyncGenerator<Buffer> {
    for (let left = count; left > 0; ) {
      if (this.#rest.length === 0 && !(await this.#refill())) throw new Error('the archive is cut off');
      const piece = this.#rest.subarray(0, left);
      this.#rest = this.#rest.subarray(piece.length);
      left -= piece.length;
      yield piece;
    }
  }

  async collect(count: number): Promise<Buffer> {
    const pieces: Buffer[] = [];
    for await (const piece of this.take(count)) pieces.push(piece);
    return Buffer.concat(pieces);
  }

  /** Reads to the end: who writes into a pipe that nobody reads does not end. */
  async drain(): Promise<void> {
    while (await this.#refill());
  }

  async #refill(): Promise<boolean> {
    const { value, done } = await this.#source.next();
    if (!done) this.#rest = value;
    return !done;
  }
}

/**
 * The contents of the files in a tar archive (POSIX pax, ustar and GNU's; see tar(5)), one after the other, each to be read to its end.
 * @throws Error for what is no tar archive, or only a part of one
 */
export async function* readTar(archive: AsyncIterable<Buffer>): AsyncGenerator<AsyncIterable<Buffer>> {
  const bytes = new Bytes(archive);
  let noted: number | undefined;
  for (;;) {
    const header = await bytes.collect(BLOCK);
    if (header.every((byte) => byte === 0)) return bytes.drain();
    assertHeader(header);
    const size = noted ?? readSize(header);
    noted = undefined;
    // A pax header tells the size of the next file where its own field is too small for it.
    if (header[156] === 'x'.charCodeAt(0)) noted = findSize(await bytes.collect(size));
    else yield bytes.take(size);
    await bytes.collect((BLOCK - (size % BLOCK)) % BLOCK);
  }
}

function assertHeader(header: Buffer): void {
  const blank = Buffer.from(header).fill(' ', 148, 156);
  const sum = blank.reduce((total, byte) => total + byte, 0);
  if (sum !== readOctal(header, 148, 156)) throw new Error('this is no tar archive');
}

/** Octal digits, or with the first bit set a number of 64 bits (GNU). */
function readSize(header: Buffer): number {
  return (header[124] ?? 0) & 0x80 ? Number(header.readBigUInt64BE(128)) : readOctal(header, 124, 136);
}

function readOctal(header: Buffer, from: number, to: number): number {
  return Number.parseInt(header.toString('latin1', from, to).replaceAll('\0', ' ').trim() || '0', 8);
}

function findSize(records: Buffer): number | undefined {
  const [, size] = /(?:^|\n)\d+ size=(\d+)\n/.exec(records.toString('latin1')) ?? [];
  return size === undefined ? undefined : Number(size);
}
