/** What a schema objects to, as Ajv tells it. */
export interface Issue {
  instancePath: string;
  keyword: string;
  params: Record<string, unknown>;
  message?: string | undefined;
  /** The schema that was broken, where Ajv is told to be verbose. */
  parentSchema?: Readonly<Record<string, unknown>> | undefined;
}

/** `/group/0` becomes `group/0`; what is missing or unknown is named itself. */
export function nameParameter({ instancePath, keyword, params }: Issue): string {
  const own = keyword === 'additionalProperties' ? params.additionalProperty : params.missingProperty;
  const path = [...instancePath.split('/').slice(1), ...(typeof own === 'string' ? [own] : [])];
  return path.join('/') || 'body';
}

/**
 * Says what is wrong, for people, as the rest of a sentence that begins with the parameter's name.
 *
 * @param unknown said of a name that nothing is known by
 */
export function describeIssue(
  { keyword, params, message, parentSchema }: Issue,
  unknown = 'is not a parameter of this address',
): string {
  switch (keyword) {
    case 'additionalProperties':
      return unknown;
    case 'required':
      return 'is missing';
    case 'enum':
      return `must be one of ${(params.allowedValues as unknown[]).join(', ')}`;
    case 'pattern':
      return Array.isArray(parentSchema?.examples)
        ? `must look like ${parentSchema.examples[0]}`
        : 'has a character that is not allowed here, or a space at an end';
    default:
      return message ?? 'is not valid';
  }
}
