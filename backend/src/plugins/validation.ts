import { Ajv } from 'ajv';
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

/** Checks requests against their schemas: texts of an address are converted to what they mean, a body is taken as it is. */
export const validation = plugin(
  async (app) => {
    const forText = new Ajv({ ...common, coerceTypes: 'array' });
    const forJson = new Ajv(common);
    app.setValidatorCompiler(({ schema, httpPart }) =>
      (httpPart === 'body' ? forJson : forText).compile(schema as object),
    );
    app.addSchema(ProblemSchema);
    app.addSchema(Gene);
  },
  { name: 'validation' },
);
