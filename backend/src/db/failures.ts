import { DatabaseError } from 'pg';

const networkReasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'the database refuses connections',
  ECONNRESET: 'the connection to the database was cut',
  EPIPE: 'the connection to the database was cut',
  ENOTFOUND: "the database's host name is not known",
  EAI_AGAIN: "the database's host name cannot be looked up",
  EHOSTUNREACH: 'the database host is not reachable',
  ENETUNREACH: 'the database network is not reachable',
  ETIMEDOUT: 'the database does not answer',
};

/** https://www.postgresql.org/docs/17/errcodes-appendix.html, by class or whole code. */
const stateReasons: readonly (readonly [prefix: string, reason: string])[] = [
  ['28', "the database refuses the application's user or password"],
  ['3D000', 'the database does not exist yet'],
  ['57014', 'the database took too long'],
  ['57P', 'the database is starting, stopping or restarting'],
  ['53', 'the database is out of connections or another resource'],
  ['08', 'the connection to the database was cut'],
  ['25P', 'the connection to the database was cut'],
  ['55P03', 'the data are being changed by someone else'],
  ['40', 'the data were changed by someone else at the same moment'],
];

/** What pg and its pool throw without a code. */
const messageReasons: readonly (readonly [pattern: RegExp, reason: string])[] = [
  [/timeout exceeded when trying to connect/i, 'no connection to the database became free in time'],
  [/timeout expired|query read timeout|connection timeout/i, 'the database does not answer'],
  [
    /connection terminated|not queryable|connection ended|client was closed|connection error/i,
    'the connection to the database was cut',
  ],
  [/cannot use a pool after calling end/i, 'the server is shutting down'],
];

/**
 * Tells whether an error comes from the database being away, busy or slow.
 *
 * @param error anything that was thrown
 * @returns the reason, in words that hold no address; null for errors of another kind (mistakes in SQL included)
 */
export function explainDatabaseFailure(error: unknown): string | null {
  if (error instanceof AggregateError && error.errors.length > 0)
    return explainDatabaseFailure(error.errors[0]);
  if (!(error instanceof Error)) return null;
  if (error.cause instanceof Error) return explainDatabaseFailure(error.cause);
  const code = (error as NodeJS.ErrnoException).code ?? '';
  if (error instanceof DatabaseError)
    return stateReasons.find(([prefix]) => code.startsWith(prefix))?.[1] ?? null;
  return networkReasons[code] ?? messageReasons.find(([pattern]) => pattern.test(error.message))?.[1] ?? null;
}
