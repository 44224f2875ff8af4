import { DescribedError } from '../process/errors.ts';
import type { BackupSettings, RemoteLocation } from '../stack/backup-settings.ts';
import { S3Store } from './s3-store.ts';

/**
 * Opens the bucket of the settings, or another.
 * @param location the one of the settings unless said
 * @throws DescribedError when the settings name no bucket or no keys
 */
export async function openRemote(
  backup: BackupSettings,
  location: RemoteLocation | undefined = backup.remote,
): Promise<S3Store> {
  const { s3, keep } = backup;
  if (!location) {
    throw new DescribedError('No bucket is set', 'set BACKUP_REMOTE=s3://bucket/prefix in the env file');
  }
  if (!s3.accessKeyId || !s3.secretAccessKey) {
    throw new DescribedError(
      `There are no keys for s3://${location.bucket}`,
      'set BACKUP_S3_ACCESS_KEY_ID and BACKUP_S3_SECRET_ACCESS_KEY, or the same with _FILE, in the env file',
    );
  }
  return S3Store.open(s3, location, backup, Math.max(1, keep.daily));
}
