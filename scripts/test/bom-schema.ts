import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import { ROOT } from '../lib/process/root.ts';

const FOLDER = join(ROOT, 'node_modules/@cyclonedx/cyclonedx-library/res/schema');
const fileOf = (name: string) => `${name}.SNAPSHOT.schema.json`;
/** Under the name by which the others refer to it. */
const readSchema = (name: string) => ({
  ...(JSON.parse(readFileSync(join(FOLDER, fileOf(name)), 'utf8')) as object),
  $id: `http://cyclonedx.org/schema/${fileOf(name)}`,
});

/**
 * Judges a bill of materials by the schema that CycloneDX publishes; it allows no key that it does not name.
 * @returns what is wrong, one line each
 */
export function findBomFaults(bom: unknown): string[] {
  const ajv = new Ajv({ strict: false, validateFormats: false, allErrors: true });
  ajv.addSchema([readSchema('spdx'), readSchema('jsf-0.82')]);
  const validate = ajv.compile(readSchema('bom-1.5'));
  if (validate(bom)) return [];
  return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
}
