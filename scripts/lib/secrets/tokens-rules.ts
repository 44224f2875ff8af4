import { app } from '../app/contract.ts';
import { DescribedError, Exit } from '../process/errors.ts';
import { fields, text, whole } from '../process/fields.ts';

/** The API refuses a token that was made for longer (`longestLifeS` in backend/src/lib/token.ts). */
export const LONGEST_DAYS = 90;
const USAGE = 'see: npx tsx scripts/api-token.ts --help';

/** What may be known of a token: whose it is, what for, until when (seconds since 1970). */
export interface IssuedToken {
  /** Its `jti` (RFC 7519). */
  id: string;
  name: string;
  scope: string;
  exp: number;
}

const readIssued = fields<IssuedToken>({
  id: text(100, /^.+$/),
  name: text(100),
  scope: text(200),
  exp: whole(),
});

/** Reads what was remembered of tokens, one JSON object a line; another line is passed over. */
export function parseIssued(content: string): IssuedToken[] {
  return content.split('\n').flatMap((line) => {
    try {
      return [readIssued(JSON.parse(line), '')];
    } catch {
      return [];
    }
  });
}

/**
 * Checks what a user wants a token for.
 * @throws DescribedError (exit 2)
 */
export function checkOrder(
  name: string,
  days: string,
  scope: string,
): { name: string; days: number; scope: string } {
  if (!/^[\p{L}\p{N}][\p{L}\p{N} ._@+-]{0,99}$/u.test(name))
    throw new DescribedError('A name has 1 to 100 letters, digits, blanks and . _ @ + -', USAGE, Exit.usage);
  if (!/^[1-9]\d?$/.test(days) || Number(days) > LONGEST_DAYS)
    throw new DescribedError(`A token is good for 1 to ${LONGEST_DAYS} days`, USAGE, Exit.usage);
  if (!/^[a-z][a-z0-9:_-]*( [a-z][a-z0-9:_-]*)*$/.test(scope) || scope.length > 200)
    throw new DescribedError(
      `A scope is words such as ${app.edit.scope}, separated by blanks`,
      USAGE,
      Exit.usage,
    );
  return { name, days: Number(days), scope };
}

/**
 * Finds the id of a token by itself or its beginning.
 * @throws DescribedError when several begin like that
 */
export function findId(wanted: string, issued: readonly IssuedToken[]): string {
  if (!/^[\w-]{1,100}$/.test(wanted))
    throw new DescribedError('An id of a token is letters, digits, _ and -', USAGE, Exit.usage);
  const found = issued.filter(({ id }) => id.startsWith(wanted));
  if (found.length > 1)
    throw new DescribedError(
      `${found.length} tokens begin with ${wanted}`,
      'make api-token LIST=1',
      Exit.usage,
    );
  return found[0]?.id ?? wanted;
}
