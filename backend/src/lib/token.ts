import { errors, type JWTPayload, jwtVerify } from 'jose';
import { Problem } from './problem.ts';

/** Whoever edits genes needs this word in the token's `scope` (RFC 8693, 4.2: words separated by spaces). */
export const editScope = 'genes:write';

/** A token that was copied ends some day, whatever its maker wrote into it. */
const longestLifeS = 90 * 86_400;
/** Two hosts' clocks may differ by this much. */
const clockSkewS = 5;

const challenge = { 'www-authenticate': 'Bearer' };

/**
 * Checks the bearer token of a request.
 *
 * @param header value of the Authorization header
 * @param secretKeys keys that may have signed it (HS256), the current one first
 * @param scope word the token's scope must have
 * @param isRevoked asks whether a token's id (`jti`) was revoked
 * @returns whom the token was given to (`sub`)
 * @throws Problem 401 without a valid token, 403 when it does not permit this
 */
export async function verifyToken(
  header: string | undefined,
  secretKeys: readonly string[],
  scope: string,
  isRevoked: (id: string) => Promise<boolean>,
): Promise<string> {
  const token = /^Bearer ([\w-]+\.[\w-]+\.[\w-]+)$/i.exec(header ?? '')?.[1];
  if (token === undefined) {
    throw new Problem('unauthorized', 'Send a token in the header `Authorization: Bearer ...`.', {
      headers: challenge,
    });
  }
  const { sub, scope: granted, jti, iat = 0, exp = 0 } = await verifySignature(token, secretKeys);
  if (typeof sub !== 'string' || sub === '') throw refuse('The token names nobody (sub).');
  if (typeof jti !== 'string' || jti === '' || jti.length > 100) throw refuse('The token has no id (jti).');
  if (iat > Date.now() / 1000 + clockSkewS) throw refuse('The token is from the future (iat).');
  if (exp - iat > longestLifeS)
    throw refuse(`The token would be good for more than ${longestLifeS / 86_400} days (exp).`);
  if (await isRevoked(jti)) throw refuse('The token was revoked.');
  if (typeof granted === 'string' && granted.split(' ').includes(scope)) return sub;
  throw new Problem('forbidden', `The token's scope lacks ${scope}.`);
}

async function verifySignature(token: string, secretKeys: readonly string[]): Promise<JWTPayload> {
  for (const key of secretKeys) {
    try {
      const options = {
        algorithms: ['HS256'],
        requiredClaims: ['sub', 'jti', 'iat', 'exp'],
        clockTolerance: clockSkewS,
      };
      return (await jwtVerify(token, new TextEncoder().encode(key), options)).payload;
    } catch (error) {
      if (error instanceof errors.JWSSignatureVerificationFailed) continue;
      if (error instanceof errors.JWTExpired) throw refuse('The token has expired.');
      if (error instanceof errors.JOSEError) throw refuse('The token is not valid.');
      throw error;
    }
  }
  throw refuse('The token was not signed with our key.');
}

function refuse(detail: string): Problem {
  return new Problem('unauthorized', detail, {
    headers: { 'www-authenticate': 'Bearer error="invalid_token"' },
  });
}
