import { Ajv } from 'ajv';
import plugin from 'fastify-plugin';
import { Gene } from '../schemas/gene.ts';
import { ProblemSchema } from '../schemas/problem.ts';

/** All errors are worth reporting, as every input is small; formats describe answers only. */
const common = {
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
