import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import type { S3, S3ServiceException } from '@aws-sdk/client-s3';
import { DescribedError } from '../process/errors.ts';
import type { RemoteLocation, S3Settings } from '../stack/backup-settings.ts';
import { MANIFEST_BYTES, type Manifest } from './manifest.ts';
import {
  type BackupStore,
  DamagedBackup,
  type Listing,
  listManifests,
  OTHER,
  type Signer,
  sign,
} from './store.ts';
import { assertDigest, digestOf } from './streams.ts';

/** Of a part; 10,000 parts are allowed, so a backup may have 160 GB before parts grow. */
const PART_BYTES = 16 * 1024 ** 2;
const MAX_PARTS = 9_000;

type Sdk = Awaited<ReturnType<typeof loadSdk>>;

async function loadSdk() {
  // It warns of the versions of Node that its later versions will need; the lockfile holds this one.
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true';
  const [{ S3, paginateListObjectsV2 }, { Upload }] = await Promise.all([
    import('@aws-sdk/client-s3'),
    import('@aws-sdk/lib-storage'),
  ]);
  return { S3, paginateListObjectsV2, Upload };
}

/** Backups in an S3 bucket: a dump and its manifest, which is written last. */
export class S3Store implements BackupStore {
  private readonly sdk: Sdk;
  private readonly client: S3;
  private readonly location: RemoteLocation;
  private readonly signer: Signer;
  private readonly lockMs: number;

  private constructor(sdk: Sdk, s3: S3Settings, location: RemoteLocation, signer: Signer, lockDays: number) {
    this.signer = signer;
    this.sdk = sdk;
    this.location = location;
    this.lockMs = lockDays * 86_400_000;
    this.client = new sdk.S3({
      region: s3.region,
      ...(s3.endpoint ? { endpoint: s3.endpoint, forcePathStyle: true } : {}),
      credentials: { accessKeyId: s3.accessKeyId, secretAccessKey: s3.secretAccessKey },
      maxAttempts: 4,
      // Without limits a cut connection would be waited for without end.
      requestHandler: { connectionTimeout: 10_000, requestTimeout: 60_000, throwOnRequestTimeout: true },
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
    });
  }

  /**
   * Opens a bucket; the client is loaded only now.
   * @param lockDays for how long new objects are locked, where the bucket can do that
   */
  static async open(
    s3: S3Settings,
    location: RemoteLocation,
    signer: Signer,
    lockDays: number,
  ): Promise<S3Store> {
    return new S3Store(await loadSdk(), s3, location, signer, lockDays);
  }

  get place(): string {
    return `s3://${this.location.bucket}/${this.location.prefix}`.replace(/\/$/, '');
  }

  async list(): Promise<Listing> {
    return listManifests([...(await this.files())], this.signer, (name) => this.readText(name));
  }

  files(): Promise<Set<string>> {
    return this.ask(this.listNames());
  }

  private async listNames(): Promise<Set<string>> {
    const { bucket: Bucket, prefix: Prefix } = this.location;
    const names = new Set<string>();
    const pages = this.sdk.paginateListObjectsV2({ client: this.client }, { Bucket, Prefix, Delimiter: '/' });
    for await (const { Contents = [] } of pages)
      for (const { Key } of Contents) if (Key) names.add(Key.slice(Prefix.length));
    return names;
  }

  /** One that lies in an archive, or that this key may not read, answers with an error of its own. */
  private async readText(name: string): Promise<string> {
    const object = await this.ask(this.client.getObject(this.object(name)));
    const bytes = object.ContentLength ?? Number.POSITIVE_INFINITY;
    if (bytes <= MANIFEST_BYTES) return (await object.Body?.transformToString()) ?? '';
    (object.Body as Readable).destroy();
    throw new Error(`it has ${bytes} bytes`);
  }

  async read(manifest: Manifest): Promise<Readable> {
    const object = await this.ask(this.client.getObject(this.object(manifest.file)));
    if (object.ContentLength !== manifest.bytes) {
      (object.Body as Readable).destroy();
      throw new DamagedBackup(
        `${this.place}/${manifest.file} has ${object.ContentLength} bytes instead of ${manifest.bytes}`,
        OTHER,
      );
    }
    return object.Body as Readable;
  }

  async saveManifest(manifest: Manifest): Promise<void> {
    const body = Buffer.from(sign(manifest, this.signer));
    const lock = await this.retention();
    const object = { ...this.object(`${manifest.name}.json`), Body: body, ...lock };
    await this.ask(this.client.putObject({ ...object, ...checksum(body) }));
  }

  async remove(manifest: Manifest): Promise<void> {
    // The manifest first: a dump without one is no backup, and `upload` writes over it.
    for (const file of [`${manifest.name}.json`, manifest.file]) {
      await this.ask(this.client.deleteObject(this.object(file)));
    }
  }

  /**
   * Copies a backup into the bucket in parts, and proves that what is there is what was sent.
   * @throws DescribedError when anything fails; the parts are then removed and no manifest is written
   */
  async upload(manifest: Manifest, source: BackupStore, onBytes?: (bytes: number) => void): Promise<void> {
    const partSize = Math.max(PART_BYTES, Math.ceil(manifest.bytes / MAX_PARTS));
    const lock = await this.retention();
    const body = await source.read(manifest);
    const upload = new this.sdk.Upload({
      client: this.client,
      // One part at a time keeps the memory small.
      queueSize: 1,
      partSize,
      // It would report the failure to remove them in the place of the failure itself.
      leavePartsOnError: true,
      params: { ...this.object(manifest.file), ...lock, Body: body, ChecksumAlgorithm: 'SHA256' },
    });
    upload.on('httpUploadProgress', ({ loaded }) => onBytes?.(loaded ?? 0));
    try {
      await upload.done();
    } catch (error) {
      body.destroy();
      await this.removeParts(manifest);
      throw this.explain(error);
    }
    await this.assertStored(manifest);
    await this.saveManifest(manifest);
  }

  /** What a failed upload, or one that was killed, left of a dump: unseen, but paid for. */
  private async removeParts({ file }: Manifest): Promise<void> {
    const { Bucket, Key } = this.object(file);
    try {
      const { Uploads = [] } = await this.client.listMultipartUploads({ Bucket, Prefix: Key });
      for (const { UploadId } of Uploads) await this.client.abortMultipartUpload({ Bucket, Key, UploadId });
    } catch {
      // The failure of the upload is what counts.
    }
  }

  /** Reads it back: a server's own checksums have many forms, and some have none. */
  private async assertStored(manifest: Manifest): Promise<void> {
    const stored = await this.read(manifest);
    assertDigest(manifest, await this.ask(digestOf(stored)));
  }

  private object(file: string): { Bucket: string; Key: string } {
    return { Bucket: this.location.bucket, Key: `${this.location.prefix}${file}` };
  }

  private async ask<T>(answer: Promise<T>): Promise<T> {
    try {
      return await answer;
    } catch (error) {
      throw this.explain(error);
    }
  }

  /** Locks new objects where the bucket can and has no rule of its own; its own holds by itself. */
  private async retention(): Promise<{ ObjectLockMode?: 'GOVERNANCE'; ObjectLockRetainUntilDate?: Date }> {
    const { bucket: Bucket } = this.location;
    // A bucket without locks, or a server that knows none, answers with an error.
    const found = await this.client.getObjectLockConfiguration({ Bucket }).catch(() => undefined);
    const lock = found?.ObjectLockConfiguration;
    if (lock?.ObjectLockEnabled !== 'Enabled' || lock.Rule?.DefaultRetention) return {};
    return { ObjectLockMode: 'GOVERNANCE', ObjectLockRetainUntilDate: new Date(Date.now() + this.lockMs) };
  }

  private explain(error: unknown): DescribedError {
    if (error instanceof DescribedError) return error;
    const { name, message, $metadata } = error as S3ServiceException;
    const status = $metadata?.httpStatusCode ? ` ${$metadata.httpStatusCode}` : '';
    const code = (error as NodeJS.ErrnoException).code ?? name;
    return new DescribedError(`${this.place} answers${status} ${code}: ${message}`, hintFor(code));
  }
}

/** The second for servers that lock nothing without it, and know no other. */
function checksum(body: Buffer): { ChecksumSHA256: string; ContentMD5: string } {
  const digest = (kind: string) => createHash(kind).update(body).digest('base64');
  return { ChecksumSHA256: digest('sha256'), ContentMD5: digest('md5') };
}

function hintFor(code: string): string {
  if (/AccessKey|Signature|AccessDenied|Forbidden/.test(code)) {
    return 'check BACKUP_S3_ACCESS_KEY_ID and BACKUP_S3_SECRET_ACCESS_KEY, and what that key may do';
  }
  if (/NoSuchBucket/.test(code)) return 'make the bucket, or name another: BACKUP_REMOTE in the env file';
  if (/Quota|Storage|Full|EntityTooLarge/.test(code))
    return 'make room in the bucket: make prod-backup-prune REMOTE=1';
  return 'see whether the bucket can be reached: BACKUP_S3_ENDPOINT; then run it again';
}
