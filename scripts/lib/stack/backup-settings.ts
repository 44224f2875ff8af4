import { resolve } from 'node:path';

/** How many days, weeks and months keep a backup each. */
export interface Keep {
  daily: number;
  weekly: number;
  monthly: number;
}

const DEFAULT_KEEP: Keep = { daily: 7, weekly: 4, monthly: 6 };

/** Where backups go and how long they stay. */
export interface BackupSettings {
  folder: string;
  keep: Keep;
  /** age public keys; with one, the host cannot read its own backups. */
  recipients: string[];
  /** Signs manifests, so that a backup is known for this stack's own; a secret. */
  key?: string;
  /** File with the age private key, where backups are to be read. */
  identityFile?: string;
  /** Told of each outcome; its address is a secret. */
  webhookUrl?: string;
  /** healthchecks.io style: asked on success, and with /fail on failure; its address is a secret. */
  pingUrl?: string;
  /** Where copies go. */
  remote?: RemoteLocation;
  s3: S3Settings;
}

/** s3://bucket/prefix. */
export interface RemoteLocation {
  bucket: string;
  /** Begins the keys of all objects; ends with / unless it is empty. */
  prefix: string;
}

/** How to reach a bucket. The keys may come from files (NAME_FILE). */
export interface S3Settings {
  /** Of a provider other than Amazon. */
  endpoint?: string;
  region: string;
  accessKeyId: string;
  secretAccessKey: string;
}

type Source = Readonly<Record<string, string | undefined>>;

/** The folder of the backups. */
export function findBackupFolder(env: Source, root: string): string {
  return resolve(root, env.BACKUP_DIR || 'backups');
}

/**
 * Reads the settings of backups.
 * @param env the values of the env file, under those of the process's environment
 * @param root the folder that relative paths start from
 * @param readFile reads a secret's file
 */
export function readBackupSettings(
  env: Source,
  root: string,
  readFile: (path: string) => string,
): BackupSettings {
  const path = (value: string) => resolve(root, value);
  const secret = (key: string) => {
    const file = env[`${key}_FILE`];
    return file ? readFile(path(file)).trim() : (env[key] ?? '');
  };
  const number = (key: string, fallback: number) => (env[key] ? Number(env[key]) : fallback);
  const location = env.BACKUP_REMOTE ? parseRemote(env.BACKUP_REMOTE) : undefined;
  return {
    folder: findBackupFolder(env, root),
    keep: {
      daily: number('BACKUP_KEEP_DAILY', DEFAULT_KEEP.daily),
      weekly: number('BACKUP_KEEP_WEEKLY', DEFAULT_KEEP.weekly),
      monthly: number('BACKUP_KEEP_MONTHLY', DEFAULT_KEEP.monthly),
    },
    recipients: (env.BACKUP_AGE_RECIPIENT ?? '').split(/[\s,]+/).filter(Boolean),
    ...(env.BACKUP_KEY ? { key: env.BACKUP_KEY } : {}),
    ...(env.BACKUP_AGE_IDENTITY_FILE ? { identityFile: path(env.BACKUP_AGE_IDENTITY_FILE) } : {}),
    ...(env.BACKUP_WEBHOOK_URL ? { webhookUrl: env.BACKUP_WEBHOOK_URL } : {}),
    ...(env.BACKUP_PING_URL ? { pingUrl: env.BACKUP_PING_URL } : {}),
    ...(location ? { remote: location } : {}),
    s3: {
      ...(env.BACKUP_S3_ENDPOINT ? { endpoint: env.BACKUP_S3_ENDPOINT } : {}),
      region: env.BACKUP_S3_REGION || 'us-east-1',
      accessKeyId: secret('BACKUP_S3_ACCESS_KEY_ID'),
      secretAccessKey: secret('BACKUP_S3_SECRET_ACCESS_KEY'),
    },
  };
}

/**
 * Reads s3://bucket/prefix.
 * @returns undefined for another text
 */
export function parseRemote(text: string): RemoteLocation | undefined {
  const [, bucket, rest = ''] = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/(.*))?$/.exec(text) ?? [];
  if (bucket === undefined) return undefined;
  const prefix = rest.replace(/\/+$/, '');
  return { bucket, prefix: prefix ? `${prefix}/` : '' };
}
