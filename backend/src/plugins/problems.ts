import type { FastifyError, FastifyReply, FastifyRequest, FastifySchemaValidationError } from 'fastify';
import plugin from 'fastify-plugin';
import { explainDatabaseFailure } from '../db/failures.ts';
import { describeIssue, nameParameter } from '../lib/issues.ts';
import { type ParameterError, Problem, type ProblemKind, toProblemDocument } from '../lib/problem.ts';

/** Answers every error as application/problem+json (RFC 9457), with the request's id. */
export const problems = plugin(
  async (app) => {
    app.setErrorHandler((error, request, reply) => sendProblem(error, request, reply));
    app.setNotFoundHandler((request, reply) => sendProblem(describeMissing(request), request, reply));
  },
  { name: 'problems' },
);

/**
 * Sends the problem document of any error.
 *
 * @param error what was thrown; mistakes of our own are logged and answered without detail
 */
export function sendProblem(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const problem = toProblem(error);
  if (problem.statusCode === 500) request.log.error({ err: error }, 'request failed');
  else if (problem.kind === 'unavailable')
    request.log.warn({ reason: problem.message }, 'request not served');
  return reply
    .code(problem.statusCode)
    .headers({ 'cache-control': 'no-store', ...problem.headers })
    .type('application/problem+json; charset=utf-8')
    .serializer(JSON.stringify)
    .send(toProblemDocument(problem, request.originalUrl, request.id));
}

function describeMissing({ method, originalUrl }: FastifyRequest): Problem {
  return new Problem('not-found', `There is nothing to ${method} at ${originalUrl.split('?', 1)[0]}.`);
}

const kindsByStatus: Readonly<Record<number, ProblemKind>> = {
  400: 'bad-request',
  401: 'unauthorized',
  403: 'forbidden',
  404: 'not-found',
  412: 'precondition-failed',
  413: 'too-large',
  // A part of the path that is longer than the name of anything.
  414: 'not-found',
  415: 'unsupported-type',
  503: 'overloaded',
};

function toProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  const failure = explainDatabaseFailure(error);
  if (failure !== null) {
    return new Problem('unavailable', `The request cannot be served now: ${failure}.`, {
      headers: { 'retry-after': '2' },
    });
  }
  const { validation, validationContext, statusCode = 500, message } = error as Partial<FastifyError>;
  if (validation) return describeInvalid(validation, validationContext);
  const kind = kindsByStatus[statusCode];
  if (kind === undefined || message === undefined) {
    return new Problem(
      'internal-error',
      'Something went wrong on the server. The request id finds it in the log.',
    );
  }
  return new Problem(kind, message, kind === 'overloaded' ? { headers: { 'retry-after': '1' } } : {});
}

const unknownNames: Readonly<Record<string, string>> = {
  body: 'is not a field that can be given',
};

function describeInvalid(
  issues: readonly FastifySchemaValidationError[],
  context: string | undefined,
): Problem {
  const errors = new Map(
    issues.map((issue) => [nameParameter(issue), describeIssue(issue, unknownNames[context ?? ''])]),
  );
  const list: ParameterError[] = [...errors].map(([parameter, detail]) => ({ parameter, detail }));
  const summary = list.map(({ parameter, detail }) => `${parameter} ${detail}`).join('; ');
  return new Problem('invalid-parameter', `${summary}.`, { errors: list });
}
