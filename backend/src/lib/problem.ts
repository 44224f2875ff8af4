/** The kinds of problems the API answers with; each is explained at /api/docs#<kind>. */
export const problemKinds = {
  'bad-host': {
    status: 400,
    title: 'Host not allowed',
    text: 'The Host header names no host of ALLOWED_HOSTS.',
  },
  'bad-request': { status: 400, title: 'Malformed request', text: 'The request could not be read.' },
  'invalid-parameter': {
    status: 400,
    title: 'Invalid parameter',
    text: 'A parameter or field is unknown, malformed or out of its limits; `errors` names each of them.',
  },
  unauthorized: {
    status: 401,
    title: 'Not signed in',
    text: 'The request needs a bearer token: a JSON Web Token signed (HS256) with the SECRET_KEY, with `sub` and `exp`, and `genes:write` in `scope`.',
  },
  forbidden: { status: 403, title: 'Not permitted', text: 'The token or the origin may not do this.' },
  'not-found': { status: 404, title: 'Not found', text: 'There is nothing at this address for this method.' },
  'precondition-failed': {
    status: 412,
    title: 'Changed in the meantime',
    text: 'If-Match names a version that is no longer the current one: read again, then edit.',
  },
  'too-large': { status: 413, title: 'Request too large', text: 'The body is larger than the API accepts.' },
  'unsupported-type': {
    status: 415,
    title: 'Unsupported media type',
    text: 'The body must be application/json.',
  },
  'internal-error': {
    status: 500,
    title: 'Internal error',
    text: 'The server made a mistake; the request id finds it in the log.',
  },
  unavailable: {
    status: 503,
    title: 'Temporarily unavailable',
    text: 'The database is away, slow or restarting. Try again after the seconds of Retry-After.',
  },
  overloaded: {
    status: 503,
    title: 'Too many requests at once',
    text: 'The server turns requests away to keep serving others. Try again after the seconds of Retry-After.',
  },
} as const satisfies Record<string, { status: number; title: string; text: string }>;

export type ProblemKind = keyof typeof problemKinds;

/** One wrong parameter: where it was found and what is wrong with it. */
export interface ParameterError {
  parameter: string;
  detail: string;
}

interface ProblemOptions {
  errors?: readonly ParameterError[];
  /** Response headers, such as Retry-After. */
  headers?: Readonly<Record<string, string>>;
  cause?: unknown;
}

/** An error that is meant for the client: thrown by handlers, answered as a problem document (RFC 9457). */
export class Problem extends Error {
  readonly kind: ProblemKind;
  readonly statusCode: number;
  readonly errors: readonly ParameterError[] | undefined;
  readonly headers: Readonly<Record<string, string>>;

  /** @param detail a sentence about this very occurrence */
  constructor(kind: ProblemKind, detail: string, options: ProblemOptions = {}) {
    super(detail, { cause: options.cause });
    this.name = 'Problem';
    this.kind = kind;
    this.statusCode = problemKinds[kind].status;
    this.errors = options.errors;
    this.headers = options.headers ?? {};
  }
}

/** The body of a problem's answer. */
export interface ProblemDocument {
  type: string;
  title: string;
  status: number;
  detail: string;
  instance: string;
  requestId: string;
  errors?: readonly ParameterError[];
}

/**
 * Writes a problem as RFC 9457 wants it.
 *
 * @param url address of the request; its query is left out
 */
export function toProblemDocument(problem: Problem, url: string, requestId: string): ProblemDocument {
  return {
    type: `/api/docs#${problem.kind}`,
    title: problemKinds[problem.kind].title,
    status: problem.statusCode,
    detail: problem.message,
    instance: url.split('?', 1)[0] ?? url,
    requestId,
    ...(problem.errors ? { errors: problem.errors } : {}),
  };
}
