import { SerializerSelector } from '@fastify/fast-json-stringify-compiler';
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import plugin from 'fastify-plugin';
import { Gene } from '../schemas/gene.ts';
import { ProblemSchema } from '../schemas/problem.ts';

/**
 * All errors are worth reporting, as every input is small; formats describe answers only. That the schemas are schemas is
 * what the test of the OpenAPI description proves; to find it out anew at each start would take a third of it.
 */
const common = {
  meta: false,
  validateSchema: false,
  allErrors: true,
  useDefaults: true,
  validateFormats: false,
  strict: false,
  verbose: true,
} as const;

/**
 * Checks requests and writes answers by their schemas: texts of an address are converted to what they mean, a body is taken as
 * it is. What does that is made of a schema when it is first needed, so that no start waits for all of them.
 */
export const validation = plugin(
  async (app) => {
    const forText = new Ajv({ ...common, coerceTypes: 'array' });
    const forJson = new Ajv(common);
    app.setValidatorCompiler(({ schema, httpPart }) =>
      checkLater(() => (httpPart === 'body' ? forJson : forText).compile(schema as object)),
    );
    app.setSerializerCompiler((route) =>
      writeLater(() => SerializerSelector()(app.getSchemas())({ httpStatus: '', ...route })),
    );
    app.addSchema(ProblemSchema);
    app.addSchema(Gene);
  },
  { name: 'validation' },
);

function checkLater(compile: () => ValidateFunction) {
  let check: ValidateFunction | undefined;
  const later = (input: unknown): boolean => {
    check ??= compile();
    const valid = check(input);
    later.errors = check.errors ?? null;
    return valid;
  };
  later.errors = null as ErrorObject[] | null;
  return later;
}

function writeLater(compile: () => (answer: unknown) => string) {
  let write: ReturnType<typeof compile> | undefined;
  return (answer: unknown): string => {
    write ??= compile();
    return write(answer);
  };
}
