import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { Readable, Transform, type Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import { DescribedError, Exit } from '../process/errors.ts';
import type { Manifest } from './manifest.ts';
import { DamagedBackup, OTHER } from './store.ts';

/** Counts and digests what passes through. */
export class Meter extends Transform {
  bytes = 0;
  private readonly hash = createHash('sha256');
  private readonly onBytes: (bytes: number) => void;

  /** @param onBytes told of the bytes so far */
  constructor(onBytes: (bytes: number) => void = () => undefined) {
    super({ highWaterMark: 256 * 1024 });
    this.onBytes = onBytes;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: (error: null, chunk: Buffer) => void) {
    this.bytes += chunk.length;
    this.hash.update(chunk);
    this.onBytes(this.bytes);
    done(null, chunk);
  }

  /** The digest of what has passed so far. */
  get digest(): string {
    return this.hash.copy().digest('hex');
  }
}

/** What may wait for a listener: one that is slow to start holds nobody up. */
const LISTENER_BYTES = 8 * 1024 ** 2;

/** Passes a stream on, and a copy to a listener for as long as it listens: a program may read only the beginning. */
export async function* copyTo(source: Readable, listener: Writable): AsyncGenerator<Buffer> {
  for await (const chunk of source as AsyncIterable<Buffer>) {
    if (listener.writable && !listener.write(chunk) && listener.writableLength > LISTENER_BYTES) {
      const settled = new AbortController();
      const { signal } = settled;
      const gone = finished(listener, { signal }).catch(() => undefined);
      await Promise.race([once(listener, 'drain', { signal }).catch(() => undefined), gone]);
      settled.abort();
    }
    yield chunk;
  }
  listener.end();
}

/** The sha256 of a stream, read to its end. */
export async function digestOf(stream: Readable, onBytes?: (bytes: number) => void): Promise<string> {
  const meter = new Meter(onBytes);
  // Piping would leave the source open after a failure.
  for await (const chunk of stream.compose(meter)) void chunk;
  return meter.digest;
}

/** @throws DamagedBackup unless what was read is what the manifest says */
export function assertDigest(manifest: Manifest, digest: string): void {
  if (digest === manifest.sha256) return;
  throw new DamagedBackup(`${manifest.file} is damaged: its sha256 is not the manifest's`, OTHER);
}

/** Encrypts a stream to age public keys; nobody on this host can then read it. */
export async function encrypt(plain: Readable, recipients: readonly string[]): Promise<Readable> {
  const { Encrypter } = await import('age-encryption');
  const encrypter = new Encrypter();
  for (const recipient of recipients) encrypter.addRecipient(recipient);
  return fromWeb(await encrypter.encrypt(toWeb(plain)));
}

/** Begins a file that age made, whatever its manifest says: https://age-encryption.org/v1 */
const AGE = 'age-encryption.org/v1';

/**
 * The plain dump of a backup.
 * @param stored what the store holds
 * @param mustBeEncrypted refuses a plain one
 * @throws DescribedError when it is encrypted and no private key fits
 */
export async function decrypt(
  manifest: Manifest,
  stored: Readable,
  identityFile: string | undefined,
  mustBeEncrypted: boolean,
): Promise<Readable> {
  const { head, whole } = await peek(stored, AGE.length);
  if (head !== AGE) {
    if (manifest.recipients.length === 0 && !mustBeEncrypted) return whole;
    stored.destroy();
    throw new DescribedError(
      `${manifest.file} is not encrypted, as this stack's backups are: somebody else may have put it there`,
      `where you know it for yours, from before they were: the same command with TRUST=1`,
    );
  }
  const identities = readIdentities(manifest, identityFile);
  const { Decrypter } = await import('age-encryption');
  const decrypter = new Decrypter();
  for (const identity of identities) decrypter.addIdentity(identity);
  try {
    return fromWeb(await decrypter.decrypt(toWeb(whole)));
  } catch {
    stored.destroy();
    throw new DescribedError(
      `${manifest.file} cannot be decrypted with the key in ${identityFile}`,
      `name the file with the private key of ${manifest.recipients.join(' or ')}: BACKUP_AGE_IDENTITY_FILE=...`,
    );
  }
}

/** The first bytes of a stream, and the whole of it. */
async function peek(stream: Readable, bytes: number): Promise<{ head: string; whole: Readable }> {
  const chunks = (stream as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
  let head = Buffer.alloc(0);
  for (let next = await chunks.next(); !next.done; next = await chunks.next()) {
    head = Buffer.concat([head, next.value]);
    if (head.length >= bytes) break;
  }
  async function* all() {
    yield head;
    yield* { [Symbol.asyncIterator]: () => chunks };
  }
  return { head: head.toString('latin1', 0, bytes), whole: Readable.from(all(), { objectMode: false }) };
}

/** The private keys for a backup; none are needed for a plain one. */
export function readIdentities(manifest: Manifest, identityFile: string | undefined): string[] {
  if (manifest.recipients.length === 0) return [];
  const hint = `name the file with the private key of ${manifest.recipients.join(' or ')}: BACKUP_AGE_IDENTITY_FILE=...`;
  if (!identityFile) throw new DescribedError(`${manifest.file} is encrypted`, hint, Exit.missing);
  let text: string;
  try {
    text = readFileSync(identityFile, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new DescribedError(`${identityFile} cannot be read (${code})`, hint, Exit.missing);
  }
  const keys = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line.startsWith('AGE-SECRET-KEY-'));
  if (keys.length === 0) throw new DescribedError(`${identityFile} holds no age private key`, hint);
  return keys;
}

// Node's web streams and those of the DOM's types are the same at run time.
function toWeb(stream: Readable): globalThis.ReadableStream<Uint8Array> {
  return Readable.toWeb(stream) as globalThis.ReadableStream<Uint8Array>;
}

function fromWeb(stream: globalThis.ReadableStream<Uint8Array>): Readable {
  return Readable.fromWeb(stream as ReadableStream<Uint8Array>);
}
