import type { Problem } from './types.ts';

type ApiErrorKind = 'problem' | 'unreachable' | 'timeout' | 'malformed';

interface ApiErrorFields {
  kind: ApiErrorKind;
  title: string;
  detail: string;
  status?: number | null;
  requestId?: string | null;
  retryAfterSeconds?: number | null;
  errors?: { parameter: string; detail: string }[];
}

/** What went wrong with one request to the API, in words for the person in front of the page. */
export class ApiError extends Error {
  readonly kind: ApiErrorKind;
  readonly title: string;
  readonly detail: string;
  readonly status: number | null;
  readonly requestId: string | null;
  readonly retryAfterSeconds: number | null;
  readonly errors: readonly { parameter: string; detail: string }[];

  constructor(fields: ApiErrorFields) {
    super(fields.detail);
    this.name = 'ApiError';
    this.kind = fields.kind;
    this.title = fields.title;
    this.detail = fields.detail;
    this.status = fields.status ?? null;
    this.requestId = fields.requestId ?? null;
    this.retryAfterSeconds = fields.retryAfterSeconds ?? null;
    this.errors = fields.errors ?? [];
  }

  get notFound(): boolean {
    return this.status === 404;
  }
}

/**
 * Makes an ApiError of an answer that is not a success: the problem document when there is one, else the status.
 * @param response the answer, its body not yet read
 */
export async function errorFromResponse(response: Response): Promise<ApiError> {
  const problem = await readProblem(response);
  return new ApiError({
    kind: 'problem',
    title: problem.title ?? titleOf(response.status),
    detail: problem.detail ?? `The server answered with status ${response.status}.`,
    status: response.status,
    requestId: problem.requestId ?? response.headers.get('x-request-id'),
    retryAfterSeconds: parseRetryAfter(response.headers.get('retry-after')),
    errors: Array.isArray(problem.errors) ? problem.errors : [],
  });
}

async function readProblem(response: Response): Promise<Problem> {
  if (!/json/i.test(response.headers.get('content-type') ?? '')) return {};
  try {
    const body: unknown = await response.json();
    return body !== null && typeof body === 'object' ? (body as Problem) : {};
  } catch {
    // A truncated error body must not hide the error itself: the status says enough.
    return {};
  }
}

function titleOf(status: number): string {
  if (status === 404) return 'Not found';
  if (status === 429) return 'Too many requests';
  if (status >= 502 && status <= 504) return 'The service is not available';
  return status >= 500 ? 'The server failed' : 'The request was refused';
}

/** Seconds to wait from a Retry-After header in its number form; null for none or for a date (not used by this API). */
function parseRetryAfter(value: string | null): number | null {
  return value !== null && /^\d{1,5}$/.test(value.trim()) ? Number(value) : null;
}
