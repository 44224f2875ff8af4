import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';
import { fields, text } from '../process/fields.ts';
import { readEnvText } from '../stack/env-text-rules.ts';

/** The secrets of a stack that are rotated. */
export interface Secrets {
  postgresPassword: string;
  secretKey: string;
}

/** A rotation that has begun; kept in a file until it is done, so that the next run carries on with the same values. */
export interface Rotation {
  before: Secrets;
  now: Secrets;
  /** Of the role that the API signs in by while the password of its own is changed. */
  temporaryPassword: string;
}

/** The secrets that were there may be of any kind that the env file takes. */
const former = fields<Secrets>({ postgresPassword: text(1000), secretKey: text(1000) });
/** 32 random bytes. */
const secret = text(43, /^[\w-]{43}$/);
const readFields = fields<Rotation>({
  before: former,
  now: fields<Secrets>({ postgresPassword: secret, secretKey: secret }),
  temporaryPassword: secret,
});

/** Reads the file of a rotation. @throws Error with the reason */
export function readRotation(content: string): Rotation {
  return readFields(JSON.parse(content), '');
}

/** As many as PostgreSQL takes by itself. */
const ITERATIONS = 4096;

/**
 * What PostgreSQL stores of a password (RFC 5803): with it the password itself never reaches the server or its log.
 * @param password of plain ASCII, which needs no SASLprep
 * @param salt 16 random bytes
 */
export function scramVerifier(password: string, salt: Buffer): string {
  const salted = pbkdf2Sync(password, salt, ITERATIONS, 32, 'sha256');
  const keyOf = (name: string) => createHmac('sha256', salted).update(name).digest();
  const storedKey = createHash('sha256').update(keyOf('Client Key')).digest('base64');
  const parts = [storedKey, keyOf('Server Key').toString('base64')].join(':');
  return `SCRAM-SHA-256$${ITERATIONS}:${salt.toString('base64')}$${parts}`;
}

/**
 * What changes in the env file with new secrets.
 * @param text of the file: DATABASE_URL may repeat the password instead of referring to it
 */
export function changedValues(text: string, before: Secrets, now: Secrets): Record<string, string> {
  const { DATABASE_URL: url = '' } = readEnvText(text).values;
  const refers = /^[^#\n]*DATABASE_URL[ \t]*=.*\$\{POSTGRES_PASSWORD\}/m.test(text);
  return {
    POSTGRES_PASSWORD: now.postgresPassword,
    SECRET_KEY: now.secretKey,
    ...(refers
      ? {}
      : { DATABASE_URL: url.replace(`:${before.postgresPassword}@`, `:${now.postgresPassword}@`) }),
  };
}

/** A database URL with another user and password. */
export function signInAs(url: string, user: string, password: string): string {
  const parsed = new URL(url);
  parsed.username = user;
  parsed.password = password;
  return parsed.href;
}

/**
 * A JSON Web Token (RFC 7519), signed by HS256.
 * @param claims such as sub and exp
 */
export function signToken(key: string, claims: Readonly<Record<string, string | number>>): string {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode(claims)}`;
  return `${signed}.${createHmac('sha256', key).update(signed).digest('base64url')}`;
}

/**
 * The statements that let a second role sign in for the first, whose rights and objects it then uses.
 * @param verifier of the second one's password
 */
export function lendRoleSql(role: string, temporary: string, verifier: string): string {
  return `SET log_min_error_statement = panic; SET log_min_duration_statement = -1;
    SELECT 'CREATE ROLE ${temporary}' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '${temporary}') \\gexec
    ALTER ROLE ${temporary} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION PASSWORD '${verifier}';
    GRANT ${role} TO ${temporary};
    ALTER ROLE ${temporary} SET role = '${role}';`;
}

/** The statements that take it back; it stays as long as somebody is signed in by it, and can no longer sign in. */
export function retireRoleSql(temporary: string): string {
  return `ALTER ROLE ${temporary} NOLOGIN PASSWORD NULL;
    SELECT 'DROP ROLE ${temporary}'
    WHERE NOT EXISTS (SELECT FROM pg_stat_activity WHERE usename = '${temporary}') \\gexec`;
}

/** The statement that gives a role another password. */
export function changePasswordSql(role: string, verifier: string): string {
  return `SET log_min_error_statement = panic; SET log_min_duration_statement = -1;
    ALTER ROLE ${role} PASSWORD '${verifier}';`;
}
