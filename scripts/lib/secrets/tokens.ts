import { randomUUID } from 'node:crypto';
import { appendFileSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ownerOf } from '../database/sign-in.ts';
import { querySql } from '../database/sql.ts';
import { DescribedError, Exit } from '../process/errors.ts';
import type { EnvValues } from '../stack/env-rules.ts';
import { containerName, type StackSettings } from '../stack/stack.ts';
import { signToken } from './rotation-rules.ts';
import { secretsDir } from './secrets.ts';
import { type IssuedToken, parseIssued } from './tokens-rules.ts';

/** For whom a token is, and what for. */
export interface TokenOrder {
  name: string;
  scope: string;
  /** How long it is good, in seconds. */
  seconds: number;
}

/**
 * Makes a bearer token for the API.
 * @param key the API's SECRET_KEY
 * @returns it, and what may be known of it
 */
export function issueToken(
  key: string,
  { name, scope, seconds }: TokenOrder,
): { token: string; issued: IssuedToken } {
  const iat = Math.floor(Date.now() / 1000);
  const issued = { id: randomUUID(), name, scope, exp: iat + seconds };
  const claims = { sub: name, jti: issued.id, scope, iat, exp: issued.exp };
  return { token: signToken(key, claims), issued };
}

/** The key that the API signs by now. @throws DescribedError (exit 3) on a stack that never was up */
export function readSigningKey(prefix: string): string {
  try {
    // A rotation fills up a shorter one with blanks.
    return readFileSync(join(secretsDir(prefix), 'secret_key'), 'utf8').trim();
  } catch {
    throw new DescribedError(
      'The stack has no key yet that would sign a token',
      'make prod-up',
      Exit.missing,
    );
  }
}

/** Remembers whose a token is, so that it can be revoked by its id; the token itself is kept nowhere. */
export function rememberToken(prefix: string, issued: IssuedToken): void {
  mkdirSync(secretsDir(prefix), { recursive: true, mode: 0o700 });
  appendFileSync(issuedPath(prefix), `${JSON.stringify(issued)}\n`, { mode: 0o600 });
}

/** The tokens that were made here, the oldest first. */
export function listIssued(prefix: string): IssuedToken[] {
  try {
    return parseIssued(readFileSync(issuedPath(prefix), 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

function issuedPath(prefix: string): string {
  return join(secretsDir(prefix), 'issued-tokens.jsonl');
}

/**
 * Has the API refuse a token from now on. Signs in as the app does: nothing of its tables is run as the superuser.
 * @throws DescribedError when the database does not take it
 */
export async function revokeToken(settings: StackSettings, env: EnvValues, id: string): Promise<void> {
  const server = containerName(settings, 'kidney-genetics-postgres');
  const sql = `insert into public.revoked_tokens (id) values (:'id') on conflict do nothing;`;
  try {
    await querySql(await ownerOf(server, env.POSTGRES_DB ?? ''), sql, { id });
  } catch (error) {
    throw explainRevoke(error as Error);
  }
}

function explainRevoke({ message }: Error): DescribedError {
  const isOld = message.includes('"public.revoked_tokens" does not exist');
  return new DescribedError(
    isOld ? 'The API that is deployed cannot revoke single tokens' : `The token is not revoked: ${message}`,
    isOld
      ? 'make prod-update; or take back all tokens: make prod-rotate-secrets, then make prod-rotate-secrets FORGET=1'
      : 'make prod-health',
  );
}
