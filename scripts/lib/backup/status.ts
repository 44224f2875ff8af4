import type { SignIn } from '../database/client-argv.ts';
import { ownerOf } from '../database/sign-in.ts';
import { querySql } from '../database/sql.ts';
import { sayWarning } from '../terminal/report.ts';
import { WRITE_STATUS } from './backup-sql.ts';

/** A row is written in a moment; a trigger of the owner may sleep for ever. */
const STATUS_SECONDS = 10;

/** How an operation went. */
export interface Outcome {
  /** backup, verify, restore: what /metrics shows it under. */
  kind: string;
  at: string;
  ok: boolean;
  detail: Record<string, unknown>;
}

/** Notes an outcome in a database, where the API's /metrics finds it. */
export async function writeStatus(owner: SignIn, outcome: Outcome): Promise<void> {
  const { kind, at, ok, detail } = outcome;
  await querySql(owner, WRITE_STATUS, {
    kind,
    at,
    ok: String(ok),
    detail: JSON.stringify(detail),
  });
}

/** Like `writeStatus`; a database that cannot be told makes no good backup bad. */
export async function recordOutcome(
  container: string,
  database: string,
  kind: string,
  ok: boolean,
  detail: Record<string, unknown>,
): Promise<void> {
  try {
    const owner = { ...(await ownerOf(container, database)), limitSeconds: STATUS_SECONDS };
    await writeStatus(owner, { kind, at: new Date().toISOString(), ok, detail });
  } catch {
    sayWarning(`The outcome of ${kind} could not be noted in the database, so /metrics does not show it`);
  }
}
