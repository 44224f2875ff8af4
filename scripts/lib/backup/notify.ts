import type { BackupSettings } from '../stack/backup-settings.ts';
import { sayWarning } from '../terminal/report.ts';

const TIMEOUT_MS = 10_000;

/** What is told to the outside. */
export interface Notice {
  stack: string;
  kind: 'backup' | 'verify';
  ok: boolean;
  message: string;
}

/** Tells webhook and ping how it went. Never fails: who cannot be told makes no good backup bad. */
export async function notify(
  { webhookUrl, pingUrl }: Pick<BackupSettings, 'webhookUrl' | 'pingUrl'>,
  notice: Notice,
): Promise<void> {
  const body = JSON.stringify({ ...notice, at: new Date().toISOString() });
  const json = { method: 'POST', headers: { 'content-type': 'application/json' }, body };
  await Promise.all([
    webhookUrl && tell('BACKUP_WEBHOOK_URL', webhookUrl, json),
    // A ping counts the backups alone: a drill that works must not hide that they stopped.
    pingUrl &&
      (notice.kind === 'backup' || !notice.ok) &&
      tell('BACKUP_PING_URL', notice.ok ? pingUrl : `${pingUrl.replace(/\/+$/, '')}/fail`, {
        method: 'POST',
        body: notice.message,
      }),
  ]);
}

/** The address may hold a token: it is named by its key. */
async function tell(key: string, url: string, request: RequestInit): Promise<void> {
  try {
    const answer = await fetch(url, { ...request, signal: AbortSignal.timeout(TIMEOUT_MS) });
    await answer.body?.cancel();
    if (!answer.ok) sayWarning(`${key} answers ${answer.status}`);
  } catch (error) {
    const { cause, name } = error as Error & { cause?: NodeJS.ErrnoException };
    sayWarning(`${key} cannot be reached (${cause?.code ?? name})`);
  }
}
