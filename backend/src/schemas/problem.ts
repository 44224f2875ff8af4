import { Type } from 'typebox';

/** Shape of every error: RFC 9457. */
export const ProblemSchema = Type.Object(
  {
    type: Type.String({ description: 'Where this kind of problem is explained.' }),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String(),
    instance: Type.String({ description: 'Path of the request.' }),
    requestId: Type.String({ description: "Finds the request in the server's log." }),
    errors: Type.Optional(Type.Array(Type.Object({ parameter: Type.String(), detail: Type.String() }))),
  },
  { $id: 'Problem', description: 'An error, as RFC 9457 describes it.' },
);
