import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { openPipe } from '../../process/shell.ts';
import { readTar } from './tar.ts';

/** A secret to look for; its value never leaves this process. */
export interface Needle {
  key: string;
  value: string;
}

/** Shorter values would be found by chance; the check of their strength says so. */
const MIN_LENGTH = 8;

/** Looks for secrets, plain or in base64, in a text that comes in pieces; keeps no more than one value's length of it. */
export class Searcher {
  readonly #needles: { key: string; bytes: Buffer }[];
  readonly #found = new Set<string>();
  readonly #overlap: number;
  #tail: Buffer = Buffer.alloc(0);
  bytes = 0;

  constructor(needles: readonly Needle[]) {
    this.#needles = needles
      .filter(({ value }) => value.length >= MIN_LENGTH)
      .flatMap(({ key, value }) => [
        { key, bytes: Buffer.from(value) },
        {
          key: `${key} (base64)`,
          bytes: Buffer.from(Buffer.from(value).toString('base64').replace(/.?=*$/, '')),
        },
      ]);
    this.#overlap = Math.max(0, ...this.#needles.map(({ bytes }) => bytes.length - 1));
  }

  push(piece: Buffer | string): void {
    const bytes = typeof piece === 'string' ? Buffer.from(piece) : piece;
    this.bytes += bytes.length;
    // What may continue a value that began in the piece before, then the piece itself: only the seam is copied.
    this.#look(Buffer.concat([this.#tail, bytes.subarray(0, this.#overlap)]));
    this.#look(bytes);
    const end = bytes.length >= this.#overlap ? bytes : Buffer.concat([this.#tail, bytes]);
    this.#tail = Buffer.from(end.subarray(Math.max(0, end.length - this.#overlap)));
  }

  #look(bytes: Buffer): void {
    for (const needle of this.#needles) if (bytes.includes(needle.bytes)) this.#found.add(needle.key);
  }

  /** The keys of what was found. */
  get found(): string[] {
    return [...this.#found];
  }
}

/** The keys of the secrets that a text holds. */
export function searchText(text: string, needles: readonly Needle[]): string[] {
  const searcher = new Searcher(needles);
  searcher.push(text);
  return searcher.found;
}

/** What was found in an archive, and how much was read. */
export interface ArchiveResult {
  found: string[];
  bytes: number;
}

/**
 * Searches what `docker save` writes: a tar archive of layers, which are tar archives themselves, or compressed ones where
 * the engine keeps images in containerd.
 * @throws Error for a compression that cannot be read, and for half an archive
 */
export async function searchArchive(archive: Readable, needles: readonly Needle[]): Promise<ArchiveResult> {
  const searchers: Searcher[] = [];
  for await (const entry of readTar(archive)) searchers.push(await searchEntry(entry, new Searcher(needles)));
  return {
    found: [...new Set(searchers.flatMap(({ found }) => found))],
    bytes: searchers.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}

async function searchEntry(entry: AsyncIterable<Buffer>, searcher: Searcher): Promise<Searcher> {
  let unpacker: Unpacker | undefined;
  for await (const piece of entry) {
    if (searcher.bytes === 0 && unpacker === undefined) unpacker = startUnpacker(piece, searcher);
    if (!unpacker) searcher.push(piece);
    else if (!unpacker.input.write(piece))
      await Promise.race([once(unpacker.input, 'drain'), unpacker.ended]);
  }
  unpacker?.input.end();
  await unpacker?.ended;
  return searcher;
}

interface Unpacker {
  input: Writable;
  /** When all is unpacked and searched. */
  ended: Promise<unknown>;
}

/** @returns what unpacks a layer, by its first bytes; undefined for one that is not compressed */
function startUnpacker(piece: Buffer, searcher: Searcher): Unpacker | undefined {
  const magic = piece.subarray(0, 4).toString('hex');
  if (magic.startsWith('1f8b')) {
    const input = createGunzip();
    return { input, ended: feedSearcher(input, searcher) };
  }
  if (magic !== '28b52ffd') return undefined;
  // Node 20 knows no zstd.
  const { stdin, stdout, ended } = openPipe(['zstd', '--decompress', '--stdout']);
  return { input: stdin, ended: Promise.all([feedSearcher(stdout, searcher), ended.then(assertUnpacked)]) };
}

function assertUnpacked({ exitCode, stderr }: { exitCode: number; stderr: string }): void {
  if (exitCode === 0) return;
  throw new Error(`a layer is compressed with zstd and was not searched (${stderr}); apt-get install zstd`);
}

/** Searches a stream to its end. */
export async function feedSearcher(output: AsyncIterable<Buffer>, searcher: Searcher): Promise<void> {
  for await (const piece of output) searcher.push(piece);
}
